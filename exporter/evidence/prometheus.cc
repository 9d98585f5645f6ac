#include "exporter/evidence/prometheus.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "exporter/base/error.h"
#include "exporter/base/log.h"
#include "exporter/base/text.h"
#include "exporter/base/uri.h"

namespace pgtls::evidence {
namespace {

constexpr std::size_t kMaxAnswerBytes = std::size_t{256} << 20;
constexpr long kConnectSeconds = 10;
constexpr long kAnswerSeconds = 150;  // Prometheus itself ends a query after two minutes

struct Url {
  std::string text;  // without slashes at its end
  std::string scheme, host, port;
};

struct CurlUrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

std::string PartOf(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return "";
  std::string result(text);
  curl_free(text);
  return result;
}

// No message has the text: it may have a password.
Url ParseUrl(std::string text) {
  constexpr const char* kOption = "--prometheus.url: ";
  while (text.ends_with('/')) text.pop_back();
  const std::unique_ptr<CURLU, CurlUrlDeleter> url(curl_url());
  if (!url) throw std::bad_alloc();
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    throw ConfigError(std::string(kOption) + "expected a URL such as http://localhost:9090");
  }
  if (!PartOf(url.get(), CURLUPART_USER).empty() || !PartOf(url.get(), CURLUPART_PASSWORD).empty()) {
    throw ConfigError(std::string(kOption) +
                      "a user or password in the URL is visible in the list of processes; use --http.config.file");
  }
  if (!PartOf(url.get(), CURLUPART_QUERY).empty() || !PartOf(url.get(), CURLUPART_FRAGMENT).empty())
    throw ConfigError(std::string(kOption) + "a query or fragment is not possible");
  Url parsed{text, PartOf(url.get(), CURLUPART_SCHEME), PartOf(url.get(), CURLUPART_HOST),
             PartOf(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT)};
  if (parsed.scheme != "http" && parsed.scheme != "https")
    throw ConfigError(std::string(kOption) + "expected http or https");
  return parsed;
}

bool IsLoopback(const std::string& host) { return host == "localhost" || host.starts_with("127.") || host == "[::1]"; }

std::string Seconds(Time time) {
  const auto millis = time.time_since_epoch().count();
  return fmt::format("{}.{:03}", millis / 1000, millis % 1000);
}

std::string Seconds(Duration duration) {
  return fmt::format("{}.{:03}", duration.count() / 1000, duration.count() % 1000);
}

}  // namespace

class Prometheus::Connection {
 public:
  Connection(const std::string& url, HttpConfig config) : url_(ParseUrl(url)), config_(std::move(config)) {
    static const CURLcode kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
    curl_.reset(curl_easy_init());
    if (kReady != CURLE_OK || !curl_) throw Error(FailureReason::kError, "libcurl cannot be initialized");
    if (config_.has_secret() && url_.scheme == "http" && !IsLoopback(url_.host)) {
      log::Warn("the password or token is sent unencrypted; use https in --prometheus.url", {{"host", url_.host}});
    }
    Prepare();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::vector<Series> Post(const std::string& path, const std::string& form) {
    answer_.clear();
    const std::string target = base_ + path;
    Set(CURLOPT_URL, target.c_str());
    Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(form.size()));
    Set(CURLOPT_POSTFIELDS, form.c_str());
    const CURLcode code = curl_easy_perform(curl_.get());
    if (code == CURLE_WRITE_ERROR) Fail(fmt::format("the answer has more than {} MiB", kMaxAnswerBytes >> 20));
    if (code != CURLE_OK) {
      const std::string detail = OneLine(error_.data());
      Fail((detail.empty() ? curl_easy_strerror(code) : detail) + MayNeedCertificate(code));
    }
    long status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    CheckStatus(status);
    try {
      return ReadAnswer(answer_);
    } catch (const Error& error) {
      Fail(status == 200 ? error.what() : fmt::format("status {}: {}", status, error.what()));
    }
  }

 private:
  template <typename Value>
  void Set(CURLoption option, Value value) {
    if (curl_easy_setopt(curl_.get(), option, value) != CURLE_OK) {
      throw Error(FailureReason::kError, fmt::format("libcurl has no option {}", static_cast<int>(option)));
    }
  }

  // With TLS 1.3 a client learns only after its handshake that the server wanted a certificate: the connection breaks.
  std::string MayNeedCertificate(CURLcode code) const {
    const bool broke = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING;
    if (!broke || url_.scheme != "https" || !config_.cert_file.empty()) return "";
    return "; does the server require a client certificate (tls_config.cert_file)?";
  }

  [[noreturn]] void Fail(const std::string& why) const {
    throw Error(FailureReason::kConnection, fmt::format("{}: {}", Printable(url_.text, 200), Printable(why)));
  }

  // Prometheus answers a refused query with 400, 422 or 503 and its words; the other codes are of who stands before it.
  void CheckStatus(long status) const {
    if (status >= 300 && status < 400)
      Fail(fmt::format("status {}: redirects are not followed; give the URL that it leads to", status));
    if (status == 401 || status == 403)
      Fail(fmt::format("status {}: access was refused; check --http.config.file", status));
    if (status == 404) Fail("status 404: there is no Prometheus API at this URL");
    if (status != 200 && status != 400 && status != 422 && status != 503) Fail(fmt::format("status {}", status));
  }

  void Prepare() {
    base_ = url_.text;
    Set(CURLOPT_ERRORBUFFER, error_.data());
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_PROXY, "");
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    Set(CURLOPT_TIMEOUT, kAnswerSeconds);
    Set(CURLOPT_ACCEPT_ENCODING, "gzip");
    Set(CURLOPT_USERAGENT, "pg_tls_exporter");
    Set(CURLOPT_WRITEFUNCTION, &Connection::Write);
    Set(CURLOPT_WRITEDATA, this);
    Set(CURLOPT_POST, 1L);
    PrepareTls();
    PrepareHeaders();
  }

  void PrepareTls() {
    Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    Set(CURLOPT_SSL_VERIFYPEER, config_.insecure_skip_verify ? 0L : 1L);
    Set(CURLOPT_SSL_VERIFYHOST, config_.insecure_skip_verify ? 0L : 2L);
    if (!config_.ca_file.empty()) Set(CURLOPT_CAINFO, config_.ca_file.c_str());
    if (!config_.cert_file.empty()) {
      Set(CURLOPT_SSLCERT, config_.cert_file.c_str());
      Set(CURLOPT_SSLKEY, config_.key_file.c_str());
    }
    if (config_.server_name.empty() || url_.scheme != "https") return;
    // libcurl verifies the name in the URL: so the other name is there, and the connection goes to the real place.
    const std::string to = fmt::format("{}:{}:{}:{}", config_.server_name, url_.port, url_.host, url_.port);
    connect_to_.reset(curl_slist_append(nullptr, to.c_str()));
    Set(CURLOPT_CONNECT_TO, connect_to_.get());
    const auto path = url_.text.find('/', std::string_view("https://").size());
    base_ = fmt::format("https://{}:{}{}", config_.server_name, url_.port,
                        path == std::string::npos ? "" : url_.text.substr(path));
    Add(fmt::format("Host: {}:{}", url_.host, url_.port));
  }

  void PrepareHeaders() {
    if (!config_.authorization.empty()) Add("Authorization: " + config_.authorization);
    Add("Expect:");
    Set(CURLOPT_HTTPHEADER, headers_.get());
    if (config_.password.empty()) return;
    Set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    Set(CURLOPT_USERNAME, config_.username.c_str());
    Set(CURLOPT_PASSWORD, config_.password.c_str());
  }

  void Add(const std::string& header) {
    curl_slist* const list = curl_slist_append(headers_.get(), header.c_str());
    if (list == nullptr) throw std::bad_alloc();
    std::ignore = headers_.release();
    headers_.reset(list);
  }

  static std::size_t Write(const char* bytes, std::size_t /*one*/, std::size_t count, void* self) {
    std::string& answer = static_cast<Connection*>(self)->answer_;
    if (count > kMaxAnswerBytes - answer.size()) return 0;
    answer.append(bytes, count);
    return count;
  }

  Url url_;
  HttpConfig config_;
  std::string base_;  // of the API's URLs
  std::array<char, CURL_ERROR_SIZE> error_{};
  List headers_;
  List connect_to_;
  std::string answer_;
  std::unique_ptr<CURL, CurlDeleter> curl_;  // refers to the others
};

Prometheus::Prometheus(const std::string& url, HttpConfig config)
    : connection_(std::make_unique<Connection>(url, std::move(config))) {}

Prometheus::~Prometheus() = default;

std::vector<Series> Prometheus::Query(const std::string& expression, Time at) {
  return connection_->Post("/api/v1/query", fmt::format("query={}&time={}", PercentEncoded(expression), Seconds(at)));
}

std::vector<Series> Prometheus::QueryRange(const std::string& expression, TimeRange range, Duration step) {
  return connection_->Post("/api/v1/query_range",
                           fmt::format("query={}&start={}&end={}&step={}", PercentEncoded(expression),
                                       Seconds(range.begin), Seconds(range.end), Seconds(step)));
}

}  // namespace pgtls::evidence
