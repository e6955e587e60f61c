#include "broker/policy/secrets.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace writ {
namespace {

constexpr std::string_view kUidPlaceholder = "${uid}";
constexpr std::uint32_t kRootUid = 0;

constexpr auto kSecretLocations = std::to_array<SecretLocation>({
    // Keys and password stores.
    {"~/.ssh", "SSH keys and the hosts they open"},
    {"~/.gnupg", "GnuPG keys"},
    {"~/.pki", "certificate database with private keys"},
    {"~/.password-store", "pass(1) password store"},
    {"~/.local/share/pass", "password store"},
    {"~/.local/share/keyrings", "GNOME keyring"},
    {"~/.local/share/kwalletd", "KDE wallet"},
    {"~/.config/op", "1Password command line"},
    {"~/.config/1Password", "1Password"},
    {"~/.config/Bitwarden", "Bitwarden"},
    {"~/.config/Bitwarden CLI", "Bitwarden command line"},
    {"~/.config/keepassxc", "KeePassXC"},
    {"~/.config/sops", "keys of sops"},
    {"~/.config/age", "keys of age"},
    {"~/.vault-token", "HashiCorp Vault token"},
    // Clouds and clusters.
    {"~/.aws", "AWS credentials"},
    {"~/.azure", "Azure credentials"},
    {"~/.boto", "Google Cloud and AWS credentials"},
    {"~/.config/gcloud", "Google Cloud credentials"},
    {"~/.config/doctl", "DigitalOcean token"},
    {"~/.config/hcloud", "Hetzner Cloud token"},
    {"~/.config/linode-cli", "Linode token"},
    {"~/.config/rclone", "tokens of remote storage"},
    {"~/.fly", "Fly.io token"},
    {"~/.heroku", "Heroku token"},
    {"~/.kube", "Kubernetes credentials"},
    {"~/.oci", "Oracle Cloud keys"},
    {"~/.pulumi", "Pulumi token"},
    {"~/.s3cfg", "S3 credentials"},
    {"~/.terraform.d", "Terraform tokens"},
    {"~/.terraformrc", "Terraform tokens"},
    {"~/.config/wrangler", "Cloudflare token"},
    {"~/.wrangler", "Cloudflare token"},
    // Containers.
    {"~/.docker/config.json", "registry credentials"},
    {"~/.docker/contexts", "credentials of remote Docker hosts"},
    {"~/.docker/run", "Docker's runtime sockets"},
    {"~/.docker/desktop", "Docker's runtime sockets"},
    {"~/.config/containers/auth.json", "registry credentials"},
    {"~/.lima", "virtual machines and their keys"},
    {"~/.colima", "virtual machines and their sockets"},
    {"~/.vagrant.d", "virtual machines and their keys"},
    // Version control and forges.
    {"~/.git-credentials", "stored passwords of git"},
    {"~/.config/git/credentials", "stored passwords of git"},
    {"~/.config/gh", "GitHub token"},
    {"~/.config/hub", "GitHub token"},
    {"~/.config/glab-cli", "GitLab token"},
    {"~/.config/tea", "Gitea token"},
    {"~/.hgrc", "passwords of Mercurial"},
    {"~/.subversion/auth", "passwords of Subversion"},
    // Package managers.
    {"~/.npmrc", "npm token"},
    {"~/.yarnrc", "npm token"},
    {"~/.yarnrc.yml", "npm token"},
    {"~/.config/pnpm/rc", "npm token"},
    {"~/.pypirc", "PyPI token"},
    {"~/.pip", "passwords of package indexes"},
    {"~/.config/pip", "passwords of package indexes"},
    {"~/.config/pypoetry", "PyPI token"},
    {"~/.config/uv", "passwords of package indexes"},
    {"~/.local/share/uv/credentials", "passwords of package indexes"},
    {"~/.condarc", "conda token"},
    {"~/.cargo/credentials", "crates.io token"},
    {"~/.cargo/credentials.toml", "crates.io token"},
    {"~/.gem/credentials", "RubyGems token"},
    {"~/.local/share/gem/credentials", "RubyGems token"},
    {"~/.bundle/config", "passwords of gem sources"},
    {"~/.composer/auth.json", "Composer tokens"},
    {"~/.config/composer/auth.json", "Composer tokens"},
    {"~/.m2/settings.xml", "Maven passwords"},
    {"~/.m2/settings-security.xml", "Maven master password"},
    {"~/.gradle/gradle.properties", "Gradle passwords"},
    {"~/.sbt/.credentials", "sbt passwords"},
    {"~/.ivy2/.credentials", "Ivy passwords"},
    {"~/.nuget/NuGet", "NuGet passwords"},
    {"~/.config/NuGet", "NuGet passwords"},
    {"~/.hex/hex.config", "Hex token"},
    {"~/.pub-cache/credentials.json", "pub.dev token"},
    {"~/.config/dart/pub-credentials.json", "pub.dev token"},
    // Network programs and databases.
    {"~/.netrc", "passwords of curl, git and ftp"},
    {"~/_netrc", "passwords of curl, git and ftp"},
    {"~/.curlrc", "may hold passwords"},
    {"~/.wgetrc", "may hold passwords"},
    {"~/.pgpass", "PostgreSQL passwords"},
    {"~/.my.cnf", "MySQL passwords"},
    {"~/.mylogin.cnf", "MySQL passwords"},
    {"~/.dbshell", "MongoDB history"},
    {"~/.config/filezilla", "FTP passwords"},
    {"~/.config/remmina", "remote desktop passwords"},
    {"~/.msmtprc", "mail password"},
    {"~/.mbsyncrc", "mail password"},
    {"~/.muttrc", "mail password"},
    {"~/.config/neomutt", "mail password"},
    {"~/.thunderbird", "mail and its passwords"},
    {"~/.config/evolution", "mail and its passwords"},
    {"~/.huggingface", "Hugging Face token"},
    {"~/.cache/huggingface/token", "Hugging Face token"},
    {"~/.cache/huggingface/stored_tokens", "Hugging Face tokens"},
    {"~/.kaggle", "Kaggle token"},
    {"~/.config/wandb", "Weights & Biases token"},
    {"~/.jupyter", "passwords and tokens of notebook servers"},
    {"~/.local/share/jupyter/runtime", "tokens of running notebook servers"},
    // Browsers and messengers.
    {"~/.mozilla", "Firefox profiles: cookies and passwords"},
    {"~/.librewolf", "LibreWolf profiles"},
    {"~/.config/google-chrome", "Chrome profiles: cookies and passwords"},
    {"~/.config/google-chrome-beta", "Chrome profiles"},
    {"~/.config/google-chrome-unstable", "Chrome profiles"},
    {"~/.config/chromium", "Chromium profiles"},
    {"~/.config/BraveSoftware", "Brave profiles"},
    {"~/.config/microsoft-edge", "Edge profiles"},
    {"~/.config/opera", "Opera profiles"},
    {"~/.config/vivaldi", "Vivaldi profiles"},
    {"~/.cache/mozilla", "pages that were visited"},
    {"~/.cache/google-chrome", "pages that were visited"},
    {"~/.cache/chromium", "pages that were visited"},
    {"~/.var/app", "data of Flatpak applications, browsers among them"},
    {"~/snap", "data of snaps, browsers among them"},
    {"~/.config/Slack", "Slack session"},
    {"~/.config/discord", "Discord session"},
    {"~/.config/Signal", "Signal messages"},
    {"~/.config/Element", "Matrix messages"},
    {"~/.local/share/TelegramDesktop", "Telegram session"},
    // Histories: people type passwords.
    {"~/.bash_history", "shell history"},
    {"~/.zsh_history", "shell history"},
    {"~/.zhistory", "shell history"},
    {"~/.histfile", "shell history"},
    {"~/.history", "shell history"},
    {"~/.sh_history", "shell history"},
    {"~/.local/share/fish/fish_history", "shell history"},
    {"~/.local/share/atuin", "shell history"},
    {"~/.python_history", "interpreter history"},
    {"~/.node_repl_history", "interpreter history"},
    {"~/.irb_history", "interpreter history"},
    {"~/.psql_history", "database history"},
    {"~/.mysql_history", "database history"},
    {"~/.sqlite_history", "database history"},
    {"~/.rediscli_history", "database history"},
    {"~/.lesshst", "pager history"},
    {"~/.viminfo", "editor history"},
    {"~/.local/share/recently-used.xbel", "names of files that were opened"},
    // Agents: tokens, transcripts, and the settings that decide what they may do.
    {"~/.claude", "agent tokens, transcripts and settings"},
    {"~/.claude.json", "agent tokens and settings"},
    {"~/.config/claude", "agent tokens and settings"},
    {"~/.config/Claude", "agent tokens and settings"},
    {"~/.codex", "agent tokens and settings"},
    {"~/.gemini", "agent tokens and settings"},
    {"~/.cursor", "agent tokens and settings"},
    {"~/.config/Cursor", "agent tokens and settings"},
    {"~/.continue", "agent tokens and settings"},
    {"~/.codeium", "agent tokens and settings"},
    {"~/.aider.conf.yml", "agent tokens and settings"},
    {"~/.aws/amazonq", "agent tokens and settings"},
    {"~/.config/github-copilot", "Copilot token"},
    {"~/.copilot", "Copilot token and settings"},
    {"~/.config/goose", "agent tokens and settings"},
    {"~/.config/opencode", "agent tokens and settings"},
    {"~/.local/share/opencode", "agent tokens and transcripts"},
    {"~/.config/io.datasette.llm", "model tokens and logs"},
    {"~/.openai", "OpenAI token"},
    {"~/.config/openai", "OpenAI token"},
    {"~/.config/anthropic", "Anthropic token"},
    {"~/.config/Code/User/globalStorage", "tokens of editor extensions"},
    {"~/.vscode-server/data", "tokens of editor extensions"},
    // The desktop session.
    {"~/.Xauthority", "key to the X display"},
    {"~/.ICEauthority", "key to the desktop session"},
    {"~/.dbus", "key to the session bus"},
    {"~/.config/pulse/cookie", "key to the sound server"},
    // Writ itself.
    {"~/.config/writ", "Writ's own profiles"},
    {"~/.local/share/writ", "Writ's own state"},
    {"~/.local/state/writ", "Writ's own state and audit log"},
    {"~/.cache/writ", "Writ's own compiled profiles"},
    {"/etc/writ", "Writ's ceiling for all users"},
    {"/run/writ", "Writ's own sockets"},
    {"/var/lib/writ", "Writ's own state"},
    // Runtime sockets: whoever can connect acts with the power of the service behind it.
    {"/run/user/${uid}", "session bus, Wayland, agents, sound"},
    {"/run/docker.sock", "Docker: root on this host"},
    {"/run/docker", "Docker: root on this host"},
    {"/run/containerd", "containerd: root on this host"},
    {"/run/podman", "Podman"},
    {"/run/crio", "CRI-O: root on this host"},
    {"/run/buildkit", "BuildKit"},
    {"/run/k3s", "Kubernetes"},
    {"/run/libvirt", "virtual machines"},
    {"/run/lxd", "LXD: root on this host"},
    {"/run/incus", "Incus: root on this host"},
    {"/var/lib/lxd", "LXD: root on this host"},
    {"/var/lib/incus", "Incus: root on this host"},
    {"/var/lib/docker", "Docker's data"},
    {"/var/lib/containerd", "containerd's data"},
    {"/run/dbus", "system bus"},
    {"/run/systemd/private", "systemd"},
    {"/run/snapd.socket", "snapd"},
    {"/run/snapd-snap.socket", "snapd"},
    {"/run/secrets", "secrets given to containers"},
    {"/run/credentials", "secrets given to services"},
    {"/run/keys", "secrets given to services"},
    {"/run/pcscd", "smart cards"},
    {"/run/cups", "printing"},
    {"/run/acpid.socket", "power events"},
    {"/run/nscd", "name service cache: a way to ask resolvers"},
    {"/run/systemd/resolve", "name resolver: a way to send data out"},
    {"/run/avahi-daemon", "local name resolver"},
    {"/run/mysqld", "database"},
    {"/run/postgresql", "database"},
    {"/run/redis", "database"},
    {"/run/screen", "terminal sessions"},
    {"/run/tmux", "terminal sessions"},
    {"/tmp/.X11-unix", "X display: sees every key press"},
    {"/tmp/.ICE-unix", "desktop session"},
    {"/tmp/tmux-${uid}", "terminal sessions"},
    // /var/run is a directory of its own on some systems.
    {"/var/run/docker.sock", "Docker: root on this host"},
    {"/var/run/containerd", "containerd: root on this host"},
    {"/var/run/podman", "Podman"},
    {"/var/run/dbus", "system bus"},
    {"/var/run/secrets", "secrets given to containers, Kubernetes tokens"},
    // The host's own secrets.
    {"/etc/shadow", "password hashes"},
    {"/etc/shadow-", "password hashes"},
    {"/etc/gshadow", "password hashes"},
    {"/etc/gshadow-", "password hashes"},
    {"/etc/security/opasswd", "old password hashes"},
    {"/etc/sudoers", "who may become root"},
    {"/etc/sudoers.d", "who may become root"},
    {"/etc/ssh/ssh_host_rsa_key", "the host's private key"},
    {"/etc/ssh/ssh_host_ecdsa_key", "the host's private key"},
    {"/etc/ssh/ssh_host_ed25519_key", "the host's private key"},
    {"/etc/ssh/ssh_host_dsa_key", "the host's private key"},
    {"/etc/ssl/private", "private keys of certificates"},
    {"/etc/pki/tls/private", "private keys of certificates"},
    {"/etc/letsencrypt", "private keys of certificates"},
    {"/etc/krb5.keytab", "Kerberos key of the host"},
    {"/etc/wireguard", "VPN keys"},
    {"/etc/openvpn", "VPN keys"},
    {"/etc/NetworkManager/system-connections", "passwords of networks"},
    {"/etc/netplan", "passwords of networks"},
    {"/etc/wpa_supplicant", "passwords of networks"},
    {"/etc/ppp", "passwords of networks"},
    {"/etc/kubernetes", "cluster credentials"},
    {"/etc/rancher", "cluster credentials"},
    {"/etc/docker/key.json", "Docker's key"},
    {"/etc/machine-id", "identity of this host"},
    {"/var/lib/dbus/machine-id", "identity of this host"},
    {"/etc/cron.d", "commands with passwords in them"},
    {"/var/spool/cron", "commands with passwords in them"},
    {"/root", "root's home directory"},
});

bool is_beneath(std::string_view path, std::string_view parent) {
  if (!path.starts_with(parent)) return false;
  return path.size() == parent.size() || path[parent.size()] == '/' || parent == "/";
}

// Returns the absolute path of `location`, or nothing when it does not apply to this user.
std::string resolve(const SecretLocation& location, std::string_view home, std::string_view uid) {
  std::string path(location.path);
  if (path.starts_with("~/")) {
    if (home.empty()) return {};
    return (home == "/" ? std::string() : std::string(home)).append(path, 1, std::string::npos);
  }
  if (const std::size_t at = path.find(kUidPlaceholder); at != std::string::npos)
    path.replace(at, kUidPlaceholder.size(), uid);
  return path;
}

// "/run/user/1000" as it is written in the table.
std::string with_uid_placeholder(std::string_view path) {
  const auto first = std::find_if(path.rbegin(), path.rend(), [](char c) { return c < '0' || c > '9'; });
  const auto length = static_cast<std::size_t>(path.rend() - first);
  return length == path.size() ? std::string() : std::string(path.substr(0, length)).append(kUidPlaceholder);
}

std::string_view reason_of(std::string_view path) {
  static const std::unordered_map<std::string_view, std::string_view> kReasons = [] {
    std::unordered_map<std::string_view, std::string_view> reasons;
    for (const SecretLocation& location : kSecretLocations) reasons.emplace(location.path, location.reason);
    return reasons;
  }();
  if (const auto found = kReasons.find(path); found != kReasons.end()) return found->second;
  const auto found = kReasons.find(with_uid_placeholder(path));
  return found == kReasons.end() ? std::string_view{} : found->second;
}

}  // namespace

std::span<const SecretLocation> secret_locations() { return kSecretLocations; }

std::vector<std::string> secret_paths(std::string_view home, std::uint32_t uid) {
  const std::string uid_text = std::to_string(uid);
  std::vector<std::string> paths;
  paths.reserve(kSecretLocations.size());
  for (const SecretLocation& location : kSecretLocations) {
    // Root's own home is root's to grant; the secrets inside of it are listed above.
    if (location.path == "/root" && (uid == kRootUid || home == "/root")) continue;
    if (std::string path = resolve(location, home, uid_text); !path.empty()) paths.push_back(std::move(path));
  }
  return paths;
}

std::string_view secret_above(std::string_view path, std::span<const std::string> secrets) {
  const auto above =
      std::find_if(secrets.begin(), secrets.end(), [&](const std::string& s) { return is_beneath(path, s); });
  return above == secrets.end() ? std::string_view{} : std::string_view(*above);
}

std::string_view secret_reason(std::string_view path) {
  // The tail of a path, from any of its segments on, may be an entry of somebody's home.
  for (std::size_t slash = path.size(); slash != std::string_view::npos && slash > 0;) {
    slash = path.rfind('/', slash - 1);
    if (slash == std::string_view::npos) break;
    const std::string_view reason = reason_of("~" + std::string(path.substr(slash)));
    if (!reason.empty()) return reason;
  }
  return reason_of(path);
}

}  // namespace writ
