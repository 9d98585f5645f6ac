#include "exporter/front/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include "exporter/base/error.h"
#include "tests/exporter/front/client.h"
#include "tests/exporter/http/piece_body.h"
#include "tests/support/files.h"
#include "tests/support/http_client.h"

namespace pgtls::front {
namespace {

using ::testing::HasSubstr;

class ServerTest : public ::testing::Test {
 protected:
  static std::vector<http::Route> Routes() {
    return {
        {"/metrics",
         {"GET"},
         [](const http::Request&) { return http::Response{.body = std::string(2000, 'm')}; },
         "metrics"},
        {"/echo",
         {"GET", "POST"},
         [](const http::Request& request) {
           http::Response response;
           std::string text;
           for (const auto& [name, value] : request.query) text += name + "=" + value + ";";
           response.body = text + request.client;
           return response;
         },
         "echo"},
        {"/large", {"GET"}, [](const http::Request&) { return http::Response{.body = Large()}; }, "large"},
        {"/throws",
         {"GET"},
         [](const http::Request&) -> http::Response { throw std::runtime_error("password=secret"); },
         "throws"},
    };
  }

  // Small and large pieces, over 3 MB in all.
  static http::Body Large() {
    std::vector<std::string> pieces;
    for (int i = 0; i < 3000; ++i) pieces.push_back("pg_tls_connections{server=\"s" + std::to_string(i) + "\"} 1\n");
    for (int i = 0; i < 3; ++i) pieces.emplace_back(1'000'000, 'x');
    return http::BodyOf(std::move(pieces));
  }

  ServerOptions options_{.listen_addresses = {"127.0.0.1:0"}};
  std::shared_ptr<http::RequestCounter> counter_ = std::make_shared<http::RequestCounter>();
};

TEST_F(ServerTest, AnswersOnEveryListener) {
  options_.listen_addresses = {"127.0.0.1:0", "[::1]:0", "localhost:0", ":0"};
  const Server server(options_, Routes(), counter_);
  ASSERT_GE(server.addresses().size(), 4u);
  for (std::string address : server.addresses()) {
    EXPECT_FALSE(address.ends_with(":0")) << address;
    if (address.starts_with("[::]")) address = "127.0.0.1" + address.substr(4);
    EXPECT_EQ(Get(address, "/metrics").status, 200) << address;
  }
}

TEST_F(ServerTest, RefusesAddressesThatCannotBeUsed) {
  const Server server(options_, Routes(), counter_);
  for (const std::string& address :
       {server.addresses()[0], std::string("192.0.2.1:0"), std::string("127.0.0.1"), std::string("nobody.invalid:0"),
        std::string("[127.0.0.1]:1"), std::string("::1:1"), std::string("127.0.0.1:70000")}) {
    EXPECT_THROW(Server({.listen_addresses = {address}}, Routes(), counter_), ConfigError) << address;
  }
}

TEST_F(ServerTest, AFailureToListenSaysWhatIsWrong) {
  const Server server(options_, Routes(), counter_);
  const std::string& taken = server.addresses()[0];
  const auto failure = [&](const std::vector<std::string>& addresses) -> std::string {
    try {
      const Server second({.listen_addresses = addresses}, Routes(), counter_);
    } catch (const UnavailableError& error) {
      return std::string("for now: ") + error.what();
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "listens";
  };
  EXPECT_EQ(failure({taken}), "for now: cannot listen on " + taken + ": Address already in use");
  EXPECT_EQ(failure({"192.0.2.1:0"}), "for now: cannot listen on 192.0.2.1:0: Cannot assign requested address");
  EXPECT_THAT(failure({"nobody.invalid:0"}), testing::StartsWith("for now: cannot listen on nobody.invalid:0: "));
  EXPECT_THAT(failure({"[fe80::1%nosuch0]:0"}), HasSubstr("cannot listen on [fe80::1%nosuch0]:0: "));
  EXPECT_THAT(failure({"[fe80::1]:0"}), HasSubstr("needs its interface, as in [fe80::1%eth0]:9743"));
  const std::string port = std::to_string(support::FreePort());
  EXPECT_THAT(failure({"127.0.0.1:" + port, "127.0.0.1:" + port}),
              testing::StartsWith("cannot listen on 127.0.0.1:" + port + ": another"));
  for (const auto& [address, what] : {std::pair{"127.0.0.1", "no port; expected ADDRESS:PORT"},
                                      {"[::1]", "no port; expected ADDRESS:PORT"},
                                      {"9743", "no port; expected ADDRESS:PORT"},
                                      {"", "no port; expected ADDRESS:PORT"},
                                      {"::1:9743", "with brackets around an IPv6 address"},
                                      {"[db1]:9743", "not an IPv6 address in the brackets"},
                                      {"127.0.0.1:99999", "port '99999' is not a number from 0 to 65535"},
                                      {"localhost:http", "port 'http' is not a number"},
                                      {"localhost:", "port '' is not a number"},
                                      {"localhost:-1", "port '-1' is not a number"},
                                      {"local host:1", "expected ADDRESS:PORT"},
                                      {"unix:/run/x.sock", "only TCP is supported"},
                                      {"/run/x.sock", "only TCP is supported"},
                                      {"http://127.0.0.1:9743", "only TCP is supported"}}) {
    EXPECT_THAT(
        failure({address}),
        testing::AllOf(testing::StartsWith("--web.listen-address=" + std::string(address) + ": "), HasSubstr(what)));
  }
}

TEST_F(ServerTest, AnAsteriskIsEveryAddress) {
  options_.listen_addresses = {"*:0"};
  const Server server(options_, Routes(), counter_);
  EXPECT_THAT(server.addresses()[0], testing::AnyOf(testing::StartsWith("[::]:"), testing::StartsWith("0.0.0.0:")));
  EXPECT_EQ(Get("127.0.0.1" + server.addresses()[0].substr(server.addresses()[0].rfind(':')), "/metrics").status, 200);
}

// RFC 9112, 3.2.2 and 3.2.4.
TEST_F(ServerTest, TakesEveryFormOfATarget) {
  const Server server(options_, Routes(), counter_);
  Client client(server.addresses()[0]);
  client.Send("GET http://db1.example.com:1/echo?a=1 HTTP/1.1\r\nHost: other\r\n\r\n");
  EXPECT_THAT(client.ReadAnswer().body, testing::StartsWith("a=1;127.0.0.1:"));
  client.Send("POST HTTP://a/echo?b=2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_THAT(client.ReadAnswer().body, testing::StartsWith("b=2;127.0.0.1:"));
  client.Send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  const Answer options = client.ReadAnswer();
  EXPECT_EQ(options.status, 200);
  EXPECT_EQ(options.headers.at("allow"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(options.body, "");
  client.Send("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 404);  // "/", which has no route here
  client.Send("GET * HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.ReadAnswer().status, 400);
}

TEST_F(ServerTest, KnowsTheClientAndItsParameters) {
  const Server server(options_, Routes(), counter_);
  const Answer answer = Get(server.addresses()[0], "/echo?b=1%202+3&a=%zz&b=4");
  EXPECT_THAT(answer.body, testing::StartsWith("a=%zz;b=1 2 3;b=4;127.0.0.1:"));
}

TEST_F(ServerTest, KeepsAConnectionAndTakesPipelinedRequestsInTurn) {
  const Server server(options_, Routes(), counter_);
  Client client(server.addresses()[0]);
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += "GET /echo?i=" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  client.Send(requests +
              "\r\nPOST /echo?last HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody");
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(client.ReadAnswer().body, testing::StartsWith("i=" + std::to_string(i) + ";")) << i;
  }
  const Answer last = client.ReadAnswer();
  EXPECT_THAT(last.body, testing::StartsWith("last=;"));
  EXPECT_EQ(last.headers.at("connection"), "close");
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(ServerTest, AnswersAClientThatClosedItsSendingSide) {
  const Server server(options_, Routes(), counter_);
  Client client(server.addresses()[0]);
  client.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  client.HalfClose();
  EXPECT_EQ(client.ReadAnswer().body, Large().Text());
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  const Server server(options_, Routes(), counter_);
  Client client(server.addresses()[0]);
  client.Send("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  const Answer head = client.ReadAnswer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "2000");
  EXPECT_EQ(client.ReadAnswer().body, std::string(2000, 'm'));
}

TEST_F(ServerTest, CompressesWhenAsked) {
  const Server server(options_, Routes(), counter_);
  const std::string address = server.addresses()[0];
  EXPECT_FALSE(Get(address, "/metrics").headers.contains("content-encoding"));
  const Answer small = Get(address, "/metrics", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(small.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(small.headers.at("vary"), "Accept-Encoding");
  EXPECT_EQ(support::Gunzip(small.body), std::string(2000, 'm'));
  const Answer large = Get(address, "/large", "Accept-Encoding: deflate, gzip;q=0.5\r\n");
  EXPECT_EQ(large.headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(support::Gunzip(large.body), Large().Text());
  // HTTP/1.0 knows no chunks.
  Client old(address);
  old.Send("GET /large HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n");
  EXPECT_EQ(old.ReadAnswer().body, Large().Text());
  EXPECT_EQ(old.ReadToEnd(), "");
}

TEST_F(ServerTest, AnswersUnknownPathsAndMethods) {
  const Server server(options_, Routes(), counter_);
  const std::string address = server.addresses()[0];
  EXPECT_EQ(Get(address, "/nothing").status, 404);
  EXPECT_EQ(Get(address, "/metrics/").status, 404);
  Client client(address);
  client.Send("DELETE /echo HTTP/1.1\r\nHost: a\r\n\r\n");
  const Answer refused = client.ReadAnswer();
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.at("allow"), "GET, HEAD, POST");
  // CivetWeb would answer this by itself, and allow every origin.
  client.Send("OPTIONS /metrics HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nAccess-Control-Request-Method: GET\r\n\r\n");
  const Answer preflight = client.ReadAnswer();
  EXPECT_EQ(preflight.status, 405);
  EXPECT_FALSE(preflight.headers.contains("access-control-allow-origin"));
}

TEST_F(ServerTest, TellsNothingOfAnException) {
  const Server server(options_, Routes(), counter_);
  const Answer answer = Get(server.addresses()[0], "/throws");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, "Internal Server Error\n");
}

TEST_F(ServerTest, PutsSecurityHeadersOnEveryAnswer) {
  const Server server(options_, Routes(), counter_);
  Client garbage(server.addresses()[0]);
  garbage.Send("garbage\r\n\r\n");
  for (const Answer& answer : {Get(server.addresses()[0], "/metrics"), Get(server.addresses()[0], "/nothing"),
                               Get(server.addresses()[0], "/throws"), garbage.ReadAnswer()}) {
    EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff") << answer.head;
    EXPECT_EQ(answer.headers.at("x-frame-options"), "deny");
    EXPECT_THAT(answer.headers.at("content-security-policy"), HasSubstr("default-src 'none'"));
  }
}

TEST_F(ServerTest, CountsByRouteAndStatus) {
  const Server server(options_, Routes(), counter_);
  const std::string address = server.addresses()[0];
  Get(address, "/metrics");
  Get(address, "/metrics");
  Get(address, "/a");
  Get(address, "/b");
  Get(address, "/throws");
  Get(address, "/%00");
  const std::map<http::RequestCounter::Key, std::uint64_t> expected = {
      {{"metrics", 200}, 2}, {{"other", 404}, 2}, {{"throws", 500}, 1}, {{"front", 400}, 1}};
  EXPECT_EQ(counter_->Snapshot(), expected);
}

TEST_F(ServerTest, StopsWithClientsAtHand) {
  Server server(options_, Routes(), counter_);
  Client idle(server.addresses()[0]);
  Client half(server.addresses()[0]);
  half.Send("GET /");
  Client reading(server.addresses()[0], "", 4096);
  reading.Send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(Get(server.addresses()[0], "/metrics").status, 200);
  server.Stop();
  EXPECT_EQ(idle.ReadToEnd(), "");
  EXPECT_EQ(half.ReadToEnd(), "");
  server.Stop();
}

}  // namespace
}  // namespace pgtls::front
