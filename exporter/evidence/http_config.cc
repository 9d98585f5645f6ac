#include "exporter/evidence/http_config.h"

#include <algorithm>
#include <system_error>

#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/base/text.h"
#include "exporter/config/yaml.h"

namespace pgtls::evidence {
namespace {

using config::Node;

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;

class Reader {
 public:
  explicit Reader(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash != std::string::npos) directory_ = path.substr(0, slash + 1);
  }

  HttpConfig Read(const Node& root) {
    if (root.IsNull()) return {};
    for (const auto& [key, node] : root.Map({"basic_auth", "authorization", "bearer_token_file", "tls_config"})) {
      if (node.IsNull()) continue;
      if (key == "tls_config") {
        ReadTls(node);
        continue;
      }
      if (config_.has_secret()) node.Fail("only one of basic_auth, authorization and bearer_token_file is possible");
      if (key == "basic_auth") ReadBasic(node);
      if (key == "authorization") ReadAuthorization(node);
      if (key == "bearer_token_file") config_.authorization = "Bearer " + SecretIn(node);
    }
    return config_;
  }

 private:
  void ReadBasic(const Node& section) {
    for (const auto& [key, node] : section.Map({"username", "password", "password_file"})) {
      if (node.IsNull()) continue;
      if (key == "username") {
        config_.username = Checked(node.Text(), node);
        if (config_.username.contains(':')) node.Fail("a user name cannot contain a colon");
      } else {
        if (!config_.password.empty()) node.Fail("password and password_file exclude each other");
        config_.password = key == "password" ? Checked(node.Text(), node) : SecretIn(node);
      }
    }
    if (config_.username.empty()) section.Fail("username is required");
    if (config_.password.empty()) section.Fail("password or password_file is required");
  }

  void ReadAuthorization(const Node& section) {
    std::string type = "Bearer";
    std::string credentials;
    for (const auto& [key, node] : section.Map({"type", "credentials", "credentials_file"})) {
      if (node.IsNull()) continue;
      if (key == "type") {
        type = node.Text();
        if (Lower(type) == "basic") node.Fail("use basic_auth for this type");
        if (!std::ranges::all_of(type, IsTokenCharacter)) node.Fail("expected a word such as Bearer");
      } else {
        if (!credentials.empty()) node.Fail("credentials and credentials_file exclude each other");
        credentials = key == "credentials" ? Checked(node.Text(), node) : SecretIn(node);
      }
    }
    if (credentials.empty()) section.Fail("credentials or credentials_file is required");
    config_.authorization = type + " " + credentials;
  }

  void ReadTls(const Node& section) {
    for (const auto& [key, node] :
         section.Map({"ca_file", "cert_file", "key_file", "server_name", "insecure_skip_verify"})) {
      if (node.IsNull()) continue;
      if (key == "ca_file") config_.ca_file = Existing(node);
      if (key == "cert_file") config_.cert_file = Existing(node);
      if (key == "key_file") config_.key_file = Existing(node);
      if (key == "server_name") config_.server_name = HostName(node);
      if (key == "insecure_skip_verify") config_.insecure_skip_verify = node.Bool();
    }
    if (config_.cert_file.empty() != config_.key_file.empty()) section.Fail("cert_file and key_file belong together");
  }

  static bool IsTokenCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  }

  // A line end would begin another header. The text is a secret: no message has it.
  static std::string Checked(std::string text, const Node& node) {
    const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (std::ranges::any_of(text, is_control)) node.Fail("control characters are not allowed");
    return text;
  }

  static std::string HostName(const Node& node) {
    std::string name = node.Text();
    const auto is_part = [](char c) { return IsTokenCharacter(c) || c == '.'; };
    if (!std::ranges::all_of(name, is_part)) node.Fail("expected a host name");
    return name;
  }

  std::string Path(const Node& node) const {
    const std::string path = node.Text();
    return path.starts_with('/') ? path : directory_ + path;
  }

  std::string Existing(const Node& node) const {
    std::string path = Path(node);
    if (!FileIdentity(path)) node.Fail("there is no such file");
    return path;
  }

  std::string SecretIn(const Node& node) const {
    std::string secret;
    try {
      secret = ReadPasswordFile(Path(node));
    } catch (const std::system_error& error) {
      node.Fail(error.code().message());
    } catch (const std::exception& error) {
      node.Fail(error.what());
    }
    if (secret.empty()) node.Fail("the file is empty");
    return Checked(std::move(secret), node);
  }

  std::string directory_;
  HttpConfig config_;
};

}  // namespace

HttpConfig LoadHttpConfig(const std::string& path) {
  std::string content;
  try {
    content = ReadFile(path, kMaxConfigBytes);
  } catch (const std::exception& error) {
    throw ConfigError(path + ": " + error.what());
  }
  return Reader(path).Read(config::ParseYaml(path, content));
}

}  // namespace pgtls::evidence
