#include "exporter/access/web_config.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "exporter/access/bcrypt.h"
#include "exporter/access/server_tls.h"
#include "exporter/base/error.h"
#include "exporter/base/file.h"
#include "exporter/config/yaml.h"

namespace pgtls::access {
namespace {

using config::Node;

constexpr std::size_t kMaxConfigBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxPemBytes = std::size_t{4} << 20;

// The value of a key, and the position for its errors.
struct Pem {
  std::string text;
  Node node;
};

template <typename Value>
Value Known(const std::optional<Value>& value, const Node& node, const std::string& what) {
  if (!value) node.Fail("unknown " + what);
  return *value;
}

class TlsReader {
 public:
  TlsReader(const std::string& path, std::vector<std::string>& files) : files_(files) {
    const auto slash = path.rfind('/');
    if (slash != std::string::npos) directory_ = path.substr(0, slash + 1);
  }

  std::shared_ptr<SSL_CTX> Read(const Node& section) {
    for (const auto& [key, node] : section.Map({"cert", "key", "client_ca", "cert_file", "key_file", "client_ca_file",
                                                "client_auth_type", "client_allowed_sans", "min_version", "max_version",
                                                "cipher_suites", "curve_preferences", "prefer_server_cipher_suites"})) {
      if (!node.IsNull()) ReadKey(key, node);
    }
    if (!certificate_) section.Fail("cert_file or cert is required");
    if (!key_) section.Fail("key_file or key is required");
    CheckClientAuth(section);
    if (min_version_ > max_version_) section.Fail("min_version is above max_version");
    return Build(section);
  }

 private:
  void ReadKey(std::string_view key, const Node& node) {
    if (key == "cert" || key == "cert_file") Take(certificate_, key == "cert_file", node);
    if (key == "key" || key == "key_file") Take(key_, key == "key_file", node);
    if (key == "client_ca" || key == "client_ca_file") Take(client_ca_, key == "client_ca_file", node);
    if (key == "client_auth_type") auth_ = Known(ParseClientAuth(node.TextOrEmpty()), node, "client_auth_type");
    if (key == "min_version")
      min_version_ = Known(ParseGoTlsVersion(node.Text()), node, "TLS version (TLS10, TLS11, TLS12, TLS13)");
    if (key == "max_version")
      max_version_ = Known(ParseGoTlsVersion(node.Text()), node, "TLS version (TLS10, TLS11, TLS12, TLS13)");
    if (key == "prefer_server_cipher_suites") prefer_server_order_ = node.Bool();
    if (key == "client_allowed_sans") {
      for (const Node& name : node.List()) allowed_sans_.push_back(name.Text());
      if (allowed_sans_.empty()) node.Fail("an empty list would admit no client");
    }
    if (key == "cipher_suites") {
      suites_given_ = !node.List().empty();
      for (const Node& name : node.List()) {
        const auto suite = Known(ParseGoCipherSuite(name.Text()), name, "cipher suite (of Go's tls.CipherSuites)");
        if (!suite.empty()) suites_.push_back(suite);
      }
    }
    if (key == "curve_preferences") {
      for (const Node& name : node.List()) {
        curves_.push_back(Known(ParseGoCurve(name.Text()), name, "curve (CurveP256, CurveP384, CurveP521, X25519)"));
      }
    }
  }

  void Take(std::optional<Pem>& pem, bool is_file, const Node& node) {
    std::string text = node.TextOrEmpty();
    if (text.empty()) return;
    if (pem) node.Fail("given both inline and by file");
    if (is_file) {
      const std::string path = text.starts_with('/') ? text : directory_ + text;
      files_.push_back(path);
      try {
        text = ReadFile(path, kMaxPemBytes);
      } catch (const std::system_error& error) {
        node.FailForNow(error.what());
      } catch (const std::exception& error) {
        node.Fail(error.what());
      }
    }
    pem.emplace(std::move(text), node);
  }

  void CheckClientAuth(const Node& section) const {
    const bool verifies = auth_ == ClientAuth::kVerifyIfGiven || auth_ == ClientAuth::kRequireAndVerify;
    const bool requires_one = auth_ == ClientAuth::kRequireAny || auth_ == ClientAuth::kRequireAndVerify;
    if (client_ca_ && auth_ == ClientAuth::kNone) {
      client_ca_->node.Fail("a client CA without client_auth_type: no client would be asked for a certificate");
    }
    if (verifies && !client_ca_) section.Fail("client_auth_type verifies certificates, so client_ca_file is required");
    if (!allowed_sans_.empty() && !requires_one) {
      section.Fail("client_allowed_sans needs client_auth_type RequireAnyClientCert or RequireAndVerifyClientCert");
    }
  }

  std::shared_ptr<SSL_CTX> Build(const Node& section) {
    TlsContextBuilder builder;
    const auto step = [](const Node& node, const std::function<void()>& work) {
      try {
        work();
      } catch (const TlsError& error) {
        node.Fail(error.what());
      }
    };
    step(section, [&] {
      // A list of TLS 1.3 suites alone leaves nothing for TLS 1.2.
      if (suites_given_ && suites_.empty()) min_version_ = TLS1_3_VERSION;
      builder.SetVersions(min_version_, max_version_);
      if (!suites_.empty()) builder.SetCipherSuites(suites_);
      if (!curves_.empty()) builder.SetCurves(curves_);
      builder.PreferServerOrder(prefer_server_order_);
      builder.SetClientAuth(auth_, allowed_sans_);
    });
    step(certificate_->node, [&] { builder.UseCertificate(certificate_->text); });
    step(key_->node, [&] { builder.UseKey(key_->text); });
    if (client_ca_) step(client_ca_->node, [&] { builder.UseClientCa(client_ca_->text); });
    return builder.Build();
  }

  std::vector<std::string>& files_;
  std::string directory_;
  std::optional<Pem> certificate_;
  std::optional<Pem> key_;
  std::optional<Pem> client_ca_;
  ClientAuth auth_ = ClientAuth::kNone;
  std::vector<std::string> allowed_sans_;
  int min_version_ = TLS1_2_VERSION;
  int max_version_ = TLS1_3_VERSION;
  bool suites_given_ = false;
  std::vector<std::string_view> suites_;
  std::vector<std::string_view> curves_;
  bool prefer_server_order_ = true;
};

http::Headers ReadHeaders(const Node& section) {
  http::Headers headers;
  for (const auto& [name, node] : section.Map({"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options",
                                               "X-XSS-Protection", "Strict-Transport-Security"})) {
    std::string value = node.IsNull() ? "" : node.TextOrEmpty();
    if (name == "X-Content-Type-Options" && !value.empty() && value != "nosniff") node.Fail("expected nosniff");
    if (name == "X-Frame-Options" && !value.empty() && value != "deny" && value != "sameorigin") {
      node.Fail("expected deny or sameorigin");
    }
    headers.emplace_back(name, std::move(value));
  }
  return headers;
}

http::Headers ReadHttp(const Node& section) {
  http::Headers headers;
  for (const auto& [key, node] : section.Map({"http2", "headers"})) {
    if (node.IsNull()) continue;
    if (key == "http2") node.Bool();
    if (key == "headers") headers = ReadHeaders(node);
  }
  return headers;
}

std::map<std::string, std::string, std::less<>> ReadUsers(const Node& section) {
  std::map<std::string, std::string, std::less<>> users;
  if (section.IsNull()) section.Fail("no users: remove basic_auth_users to allow access without authentication");
  for (const auto& [name, node] : section.Map({})) {
    if (name.contains(':')) node.Fail("a user name cannot contain a colon");
    std::string hash = node.Text();
    if (!IsBcryptHash(hash)) node.Fail("expected a bcrypt hash, as `htpasswd -nBC 10 \"\"` prints it");
    users.emplace(name, std::move(hash));
  }
  // An empty list is not the same as no list.
  if (users.empty()) section.Fail("no users: remove basic_auth_users to allow access without authentication");
  return users;
}

// As Go's time.ParseDuration: "1m30s", "1.5s", "500us"; nullopt if it is not a duration, or more than 1h.
std::optional<std::chrono::nanoseconds> ParseGoDuration(std::string_view text) {
  using std::chrono::nanoseconds;
  static constexpr std::pair<std::string_view, std::int64_t> kUnits[] = {
      {"ns", 1},         {"us", 1'000},        {"\u00b5s", 1'000},    {"\u03bcs", 1'000},
      {"ms", 1'000'000}, {"s", 1'000'000'000}, {"m", 60'000'000'000}, {"h", 3'600'000'000'000}};
  if (text == "0") return nanoseconds(0);
  double total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::string_view number = text.substr(0, text.find_first_not_of("0123456789."));
    text.remove_prefix(number.size());
    const std::string_view unit = text.substr(0, text.find_first_of("0123456789."));
    text.remove_prefix(unit.size());
    const auto* known = std::ranges::find(kUnits, unit, &std::pair<std::string_view, std::int64_t>::first);
    double value = 0;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), value, std::chars_format::fixed);
    if (known == std::end(kUnits) || error != std::errc() || end != number.data() + number.size()) return std::nullopt;
    total += value * static_cast<double>(known->second);
  }
  if (total > static_cast<double>(nanoseconds(std::chrono::hours(1)).count())) return std::nullopt;
  return nanoseconds(static_cast<std::int64_t>(total));
}

std::optional<RateLimit> ReadRateLimit(const Node& section) {
  RateLimit limit;
  bool burst_given = false;
  for (const auto& [key, node] : section.Map({"interval", "burst"})) {
    if (node.IsNull()) continue;
    if (key == "interval") {
      const auto interval = ParseGoDuration(node.TextOrEmpty());
      if (!interval) node.Fail("expected a duration such as 500us, 1.5s or 1m30s, at most 1h");
      limit.interval = *interval;
    }
    if (key == "burst") {
      limit.burst = node.Int(1, 1'000'000);
      burst_given = true;
    }
  }
  if (limit.interval.count() == 0) return std::nullopt;  // as the original: 0 turns it off
  if (!burst_given) section.Fail("burst is required, at least 1");
  return limit;
}

}  // namespace

WebConfig LoadWebConfig(const std::string& path) {
  WebConfig web;
  web.files.push_back(path);
  std::string content;
  try {
    content = ReadFile(path, kMaxConfigBytes);
  } catch (const std::system_error& error) {
    throw UnavailableError(error.what());
  } catch (const std::exception& error) {
    throw ConfigError(error.what());
  }
  const Node root = config::ParseYaml(path, content);
  if (root.IsNull()) return web;  // an empty file, or comments alone
  for (const auto& [key, node] :
       root.Map({"tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"})) {
    // An empty list of users is an error: it must not mean that everyone is allowed.
    if (node.IsNull() && key != "basic_auth_users") continue;
    if (key == "tls_server_config") web.tls = TlsReader(path, web.files).Read(node);
    if (key == "http_server_config") web.headers = ReadHttp(node);
    if (key == "basic_auth_users") web.users = ReadUsers(node);
    if (key == "rate_limit") web.rate_limit = ReadRateLimit(node);
  }
  return web;
}

}  // namespace pgtls::access
