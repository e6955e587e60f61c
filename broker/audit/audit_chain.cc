#include "broker/audit/audit_chain.h"

#include <array>
#include <charconv>
#include <span>

#include "broker/audit/audit_encoder.h"
#include "broker/base/hex_text.h"

namespace writ {
namespace {

constexpr std::string_view kBegin = "{\"v\":1,\"seq\":";
constexpr std::string_view kHash = ",\"hash\":\"";
constexpr std::string_view kEnd = "\"}";
constexpr std::string_view kSignature = ",\"signature\":\"";
constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kRunDigits = 32;

// Takes what a line is made of from its beginning.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}

  bool skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }

  // Digits without leading zeroes: one number has one text.
  bool take_number(std::uint64_t& number) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    const auto length = static_cast<std::size_t>(end - rest_.data());
    if (error != std::errc() || (length > 1 && rest_[0] == '0')) return false;
    rest_.remove_prefix(length);
    return true;
  }

  bool take_until_quote(std::string_view& text) {
    const std::size_t quote = rest_.find('"');
    if (quote == std::string_view::npos) return false;
    text = rest_.substr(0, quote);
    rest_.remove_prefix(quote + 1);
    return true;
  }

  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

void append_begin(const ChainState& state, std::string_view body, std::string& out) {
  out.append(kBegin);
  append_number(state.sequence + 1, out);
  out.append(",").append(body);
}

void close_line(std::size_t begin, ChainState& state, std::string& out) {
  state.hash = Sha256().update(state.hash).update(std::string_view(out).substr(begin)).finish();
  ++state.sequence;
  std::array<char, kHashDigits> digits;
  write_hex(state.hash, digits.data());
  out.append(kHash).append(digits.data(), digits.size()).append(kEnd).append("\n");
}

bool read_header(std::string_view text, AuditLine& line) {
  LineReader reader(text);
  std::string_view event;
  std::uint64_t monotonic = 0;
  const bool is_made_so =
      reader.skip(kBegin) && reader.take_number(line.sequence) && reader.skip(",\"run\":\"") &&
      reader.take_until_quote(line.run) && reader.skip(",\"n\":") && reader.take_number(line.number) &&
      reader.skip(",\"time\":\"") && reader.take_until_quote(line.time) && reader.skip(",\"mono\":") &&
      reader.take_number(monotonic) && reader.skip(",\"event\":\"") && reader.take_until_quote(event) &&
      reader.skip(",\"parent\":") && reader.take_number(line.parent) && reader.rest().starts_with(",\"subject\":\"");
  if (!is_made_so || line.sequence == 0 || line.run.size() != kRunDigits) return false;
  const auto known = event_from_name(event);
  if (!known) return false;
  line.event = *known;
  line.rest = reader.rest();
  return true;
}

}  // namespace

void append_chained(std::string_view body, ChainState& state, std::string& out) {
  const std::size_t begin = out.size();
  append_begin(state, body, out);
  close_line(begin, state, out);
}

std::string append_signed(std::string_view body, const SigningKey& key, ChainState& state, std::string& out) {
  const std::size_t begin = out.size();
  append_begin(state, body, out);
  std::string message(kHeadDomain);
  message.append(std::string_view(out).substr(begin));
  const Signature signature = key.sign(message);
  out.append(kSignature).append(hex_text(signature)).append("\"");
  close_line(begin, state, out);
  return out.substr(begin);
}

std::optional<AuditLine> AuditLine::parse(std::string_view text) {
  const std::size_t tail = kHash.size() + kHashDigits + kEnd.size();
  if (text.size() < kBegin.size() + tail || text.size() > kAuditLineLimit) return std::nullopt;
  AuditLine line;
  line.hashed = text.substr(0, text.size() - tail);
  const std::string_view end = text.substr(text.size() - tail);
  if (!end.starts_with(kHash) || !end.ends_with(kEnd)) return std::nullopt;
  if (!read_hex(end.substr(kHash.size(), kHashDigits), line.hash)) return std::nullopt;
  if (!read_header(line.hashed, line)) return std::nullopt;
  return line;
}

Sha256Digest AuditLine::hash_after(const Sha256Digest& previous) const {
  return Sha256().update(previous).update(hashed).finish();
}

// Quotes inside of texts are escaped, so that `,"name":` stands in a line only as what it is.
std::optional<std::string_view> AuditLine::value(std::string_view name) const {
  std::string key = ",\"";
  key.append(name).append("\":");
  const std::size_t found = rest.find(key);
  if (found == std::string_view::npos) return std::nullopt;
  std::string_view text = rest.substr(found + key.size());
  if (text.empty() || text.front() != '"') return text.substr(0, text.find_first_of(",}"));
  text.remove_prefix(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      return text.substr(0, i);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> AuditLine::number_value(std::string_view name) const {
  const auto text = value(name);
  std::uint64_t found = 0;
  if (!text || text->empty()) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), found);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return found;
}

std::optional<Sha256Digest> AuditLine::digest_value(std::string_view name) const {
  const auto text = value(name);
  Sha256Digest digest;
  if (!text || !read_hex(*text, digest)) return std::nullopt;
  return digest;
}

std::optional<AuditHead> AuditHead::read(const AuditLine& line) {
  if (line.event != AuditEvent::kHead) return std::nullopt;
  AuditHead head;
  const auto log = line.value("log");
  const auto count = line.number_value("count");
  const auto of = line.digest_value("of");
  const auto key = line.digest_value("key");
  const auto signature = line.value("signature");
  const std::size_t signed_end = line.hashed.rfind(kSignature);
  if (!log || !count || !of || !key || !signature || signed_end == std::string_view::npos) return std::nullopt;
  if (!read_hex(*signature, head.signature)) return std::nullopt;
  if (signed_end + kSignature.size() + signature->size() + 1 != line.hashed.size()) return std::nullopt;
  head.log = *log;
  head.before = {*count, *of};
  head.key = *key;
  head.message = line.hashed.substr(0, signed_end);
  return head;
}

bool AuditHead::is_signed_by_its_key() const {
  std::string whole(kHeadDomain);
  whole.append(message);
  return is_signature_of(signature, whole, key);
}

}  // namespace writ
