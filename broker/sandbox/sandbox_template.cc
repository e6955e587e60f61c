#include "broker/sandbox/sandbox_template.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "broker/sandbox/plan_receiver.h"
#include "broker/sandbox/view_witness.h"

namespace writ {
namespace {

using Failure = tl::unexpected<LaunchError>;

Failure template_failure(Error error) { return Failure(LaunchError{kExitWritFailed, std::move(error)}); }

// Sends `parts` as one message with copies of `descriptors`. Returns 0 or the positive errno.
template <std::size_t kParts>
int send_parts(int socket, std::array<iovec, kParts> parts, const std::vector<int>& descriptors) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kPlanDescriptorLimit)> control;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (descriptors.size() > kPlanDescriptorLimit) return E2BIG;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * descriptors.size());
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

// Whatever would wait for a broker that answers while the tool runs.
Status refuse_what_needs_a_broker(const Profile& profile, const PreparedLaunch& prepared) {
  const auto refuse = [](const std::string& what) {
    return fail("sandboxes of this profile cannot be made from a template: " + what,
                "they are started one by one instead");
  };
  if (!profile.commands.empty() || !prepared.view.commands.empty()) return refuse("it has rules about commands");
  if (!prepared.view.mediated.empty()) return refuse("Writ writes files for the tool");
  if (!prepared.view.asked.empty()) return refuse("it has questions to ask");
  if (!prepared.content.listener_filter.empty()) return refuse("calls of the tool wait for Writ");
  for (const Layer layer : {Layer::kView, Layer::kUserNamespace, Layer::kPidNamespace, Layer::kLockedView,
                            Layer::kIpcNamespace, Layer::kUtsNamespace, Layer::kCgroupNamespace})
    if (prepared.layers[static_cast<std::size_t>(layer)].state != LayerState::kActive)
      return refuse("this host lacks the layer " + std::string(layer_name(layer)));
  return {};
}

LaunchRequest template_request(const SandboxRecipe& recipe, int ownership_namespace) {
  LaunchRequest request;
  request.profile = &recipe.profile;
  request.identity = recipe.identity;
  request.working_directory = recipe.working_directory;
  request.home = recipe.home;
  request.user_name = recipe.user_name;
  request.landlock_abi = recipe.landlock_abi;
  request.ownership_namespace = ownership_namespace;
  request.areas = PrivateAreas::kLeftOut;
  return request;
}

// As root: gives the process the identity, and returns its user namespace where ownership is translated.
Result<UniqueFd> map_template_identity(SandboxProcess& process, const BrokerStart& broker,
                                       const ToolIdentity& identity) {
  if (broker.uid != 0) return UniqueFd();
  WRIT_TRY(process.map_identity(identity.init_map));
  if (identity.translation == OwnershipTranslation::kNone) return UniqueFd();
  return process.user_namespace();
}

// Sends the plan and waits until the process sits in its view.
tl::expected<void, LaunchError> set_up(SandboxProcess& process, PreparedLaunch& prepared, const Profile& profile) {
  auto plan = write_template(prepared.content, prepared.view, profile.filesystem, profile.limits);
  if (!plan) return template_failure(std::move(plan.error()));
  if (Status sent = process.send(InitCommand::kPlan, plan->memory.get(), plan->descriptors); !sent)
    return template_failure(std::move(sent.error()));
  const auto answer = process.receive();
  if (!answer) return template_failure({"the process that makes sandboxes died while it was set up", 0, ""});
  if (answer->report.event != InitEvent::kStarted) return Failure(describe_failure(answer->report, ""));
  return {};
}

}  // namespace

tl::expected<std::unique_ptr<SandboxTemplate>, LaunchError> SandboxTemplate::create(const BrokerStart& broker,
                                                                                    Spawner& spawner,
                                                                                    const SandboxRecipe& recipe) {
  auto process = spawner.take_template();
  if (!process) return template_failure(std::move(process.error()));
  auto ownership = map_template_identity(*process, broker, recipe.identity);
  if (!ownership) return template_failure(std::move(ownership.error()));
  std::string witness = witness_view_inputs(recipe.profile);  // before the view: what changes meanwhile must show
  auto prepared = prepare_sandbox(broker, template_request(recipe, ownership->valid() ? ownership->get() : -1));
  if (!prepared) return Failure(std::move(prepared.error()));
  if (Status possible = refuse_what_needs_a_broker(recipe.profile, *prepared); !possible)
    return template_failure(std::move(possible.error()));
  prepared->content.filter = recipe.filter;
  prepared->content.filter_place = FilterPlace::kPlan;
  if (auto ready = set_up(*process, *prepared, recipe.profile); !ready) return Failure(std::move(ready.error()));
  prepared->landlock_ruleset.reset();
  return std::unique_ptr<SandboxTemplate>(
      new SandboxTemplate(std::move(*process), std::move(*prepared), std::move(witness)));
}

Status SandboxTemplate::request(UniqueFd network) {
  TemplateRequest request{};
  const std::vector<int> descriptors = network.valid() ? std::vector<int>{network.get()} : std::vector<int>{};
  const int error = send_parts(process_.descriptor(), std::array<iovec, 1>{{{&request, sizeof request}}}, descriptors);
  if (error != 0) return fail_errno(error, "cannot ask for another sandbox");
  networks_.push_back(std::move(network));
  return {};
}

std::optional<MadeSandbox> SandboxTemplate::receive(Wait wait) {
  TemplateAnswer answer{};
  iovec part{&answer, sizeof answer};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 2)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(process_.descriptor(), &message, MSG_CMSG_CLOEXEC | (wait == Wait::kYes ? 0 : MSG_DONTWAIT));
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return std::nullopt;
  if (got != static_cast<ssize_t>(sizeof answer) || networks_.empty()) {
    gone_ = true;
    networks_.clear();
    return std::nullopt;
  }
  MadeSandbox made;
  made.pid = answer.pid;
  UniqueFd given = std::move(networks_.front());
  networks_.pop_front();
  std::array<int, 2> received{-1, -1};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS)
    std::memcpy(received.data(), CMSG_DATA(header), std::min(header->cmsg_len - CMSG_LEN(0), sizeof received));
  made.control.reset(received[0]);
  made.network.reset(received[1]);
  if (answer.network == TemplateNetwork::kGiven) made.network = std::move(given);
  if (answer.error != 0 || !made.control.valid()) {
    InitReport report{};
    report.step = answer.step;
    report.error = answer.error;
    made.error = describe_failure(report, "");
  }
  return made;
}

bool SandboxTemplate::is_current(const Profile& profile) const {
  const std::string now = witness_view_inputs(profile);
  return !now.empty() && now == witness_;
}

Status send_order_to(int control, const PlanContent& content) {
  InitRequest request{InitCommand::kOrder, 0};
  WRIT_ASSIGN(EncodedOrder order, encode_order(content));
  int error = 0;
  if (order.bytes.size() <= kInlineOrderLimit) {
    error = send_parts(control,
                       std::array<iovec, 2>{{{&request, sizeof request}, {order.bytes.data(), order.bytes.size()}}},
                       order.descriptors);
  } else {
    WRIT_ASSIGN(const WrittenPlan written, write_order(content));
    std::vector<int> descriptors{written.memory.get()};
    descriptors.insert(descriptors.end(), written.descriptors.begin(), written.descriptors.end());
    error = send_parts(control, std::array<iovec, 1>{{{&request, sizeof request}}}, descriptors);
  }
  if (error != 0) return fail_errno(error, "cannot send the order to the sandbox");
  return {};
}

}  // namespace writ
