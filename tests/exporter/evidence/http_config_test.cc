#include "exporter/evidence/http_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/base/error.h"
#include "exporter/evidence/prometheus.h"
#include "tests/support/files.h"

namespace pgtls::evidence {
namespace {

using support::TempDir;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

HttpConfig Load(const TempDir& dir, const std::string& content) {
  return LoadHttpConfig(dir.Write("http.yml", content));
}

std::string Mistake(const std::string& content) {
  const TempDir dir;
  dir.Write("secret", "hunter2\n");
  dir.Write("empty", "");
  dir.Write("lines", "hunter2\nX-Header: 1\n");
  try {
    Load(dir, content);
  } catch (const ConfigError& error) {
    std::string text = error.what();
    EXPECT_THAT(text, Not(HasSubstr("hunter2")));
    return text.substr(text.find("http.yml"));
  }
  return "accepted";
}

TEST(HttpConfig, BasicAuthentication) {
  const TempDir dir;
  dir.Write("secret", "hunter2\n");
  for (const char* content : {"basic_auth: {username: auditor, password: hunter2}",
                              "basic_auth:\n  username: auditor\n  password_file: secret\n"}) {
    const HttpConfig config = Load(dir, content);
    EXPECT_EQ(config.username, "auditor");
    EXPECT_EQ(config.password, "hunter2");
    EXPECT_TRUE(config.has_secret());
    EXPECT_EQ(config.authorization, "");
  }
}

TEST(HttpConfig, ATokenIsAHeader) {
  const TempDir dir;
  dir.Write("secret", "hunter2\n");
  EXPECT_EQ(Load(dir, "bearer_token_file: secret").authorization, "Bearer hunter2");
  EXPECT_EQ(Load(dir, "authorization: {credentials: hunter2}").authorization, "Bearer hunter2");
  EXPECT_EQ(Load(dir, "authorization: {type: Token, credentials_file: secret}").authorization, "Token hunter2");
}

TEST(HttpConfig, Tls) {
  const TempDir dir;
  for (const char* name : {"ca", "crt", "key"}) dir.Write(name, "x");
  const HttpConfig config = Load(dir, "tls_config: {ca_file: ca, cert_file: crt, key_file: " + dir.path() +
                                          "/key, server_name: prometheus.example, insecure_skip_verify: true}");
  EXPECT_EQ(config.ca_file, dir.path() + "/ca");
  EXPECT_EQ(config.cert_file, dir.path() + "/crt");
  EXPECT_EQ(config.key_file, dir.path() + "/key");
  EXPECT_EQ(config.server_name, "prometheus.example");
  EXPECT_TRUE(config.insecure_skip_verify);
  EXPECT_FALSE(Load(dir, "").insecure_skip_verify);
}

TEST(HttpConfig, MistakesHaveAPlace) {
  EXPECT_THAT(Mistake("basic_auth:\n  username: a\n  pasword: hunter2\n"), StartsWith("http.yml:3:"));
  EXPECT_THAT(Mistake("proxy_url: http://p\n"), StartsWith("http.yml:1:"));
  for (const auto& [content, why] : std::vector<std::pair<std::string, std::string>>{
           {"basic_auth: {username: a}", "password or password_file is required"},
           {"basic_auth: {password: hunter2}", "username is required"},
           {"basic_auth: {username: 'a:b', password: hunter2}", "colon"},
           {"basic_auth: {username: a, password: hunter2, password_file: secret}", "exclude each other"},
           {"basic_auth: {username: a, password_file: missing}", "No such file"},
           {"basic_auth: {username: a, password_file: empty}", "empty"},
           {"basic_auth: {username: a, password: hunter2}\nbearer_token_file: secret", "only one of"},
           {"bearer_token_file: lines", "control characters"},
           {"authorization: {type: Basic, credentials: hunter2}", "use basic_auth"},
           {"authorization: {type: 'A B', credentials: hunter2}", "expected a word"},
           {"authorization: {type: Bearer}", "credentials or credentials_file is required"},
           {"tls_config: {cert_file: secret}", "belong together"},
           {"tls_config: {ca_file: missing}", "no such file"},
           {"tls_config: {server_name: 'a:1'}", "host name"},
           {"tls_config: {insecure_skip_verify: maybe}", ""},
           {"[]", ""}}) {
    EXPECT_THAT(Mistake(content), HasSubstr(why)) << content;
    EXPECT_NE(Mistake(content), "accepted") << content;
  }
  EXPECT_THROW(LoadHttpConfig("/nonexistent"), ConfigError);
}

std::string UrlMistake(const std::string& url) {
  try {
    const Prometheus prometheus(url, {});
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("hunter2")));
    return error.what();
  }
  return "accepted";
}

TEST(Url, IsOneOfHttpWithoutASecret) {
  for (const char* url : {"http://localhost:9090", "https://prometheus.example/prefix/", "http://[::1]:9090"})
    EXPECT_EQ(UrlMistake(url), "accepted") << url;
  for (const char* url : {"http://auditor:hunter2@localhost", "https://hunter2@localhost", "http://:hunter2@localhost"})
    EXPECT_THAT(UrlMistake(url), HasSubstr("--http.config.file")) << url;
  for (const char* url : {"", "localhost:9090", "ftp://localhost", "file:///etc/passwd", "http://", "http://h/?query=1",
                          "http://h/#x", "http://h:99999"})
    EXPECT_THAT(UrlMistake(url), HasSubstr("--prometheus.url")) << url;
}

TEST(Prometheus, ThatDoesNotAnswerIsAnError) {
  Prometheus prometheus("http://127.0.0.1:1", {});
  try {
    prometheus.Query("up", Time(Duration(1000)));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), StartsWith("http://127.0.0.1:1: "));
    EXPECT_EQ(error.reason(), FailureReason::kConnection);
  }
}

}  // namespace
}  // namespace pgtls::evidence
