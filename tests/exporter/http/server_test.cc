#include "exporter/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>

#include "exporter/base/error.h"
#include "tests/exporter/http/client.h"
#include "tests/exporter/http/piece_body.h"
#include "tests/support/http_client.h"

namespace pgtls::http {
namespace {

using ::testing::HasSubstr;

class ServerTest : public ::testing::Test {
 protected:
  static std::vector<Route> Routes() {
    return {
        {"/metrics", {"GET"}, [](const Request&) { return Response{.body = std::string(2000, 'm')}; }, "metrics"},
        {"/echo",
         {"GET", "POST"},
         [](const Request& request) {
           Response response;
           std::string text;
           for (const auto& [name, value] : request.query) text += name + "=" + value + ";";
           response.body = text + request.client;
           return response;
         },
         "echo"},
        {"/large", {"GET"}, [](const Request&) { return Response{.body = Large()}; }, "large"},
        {"/throws", {"GET"}, [](const Request&) -> Response { throw std::runtime_error("password=secret"); }, "throws"},
    };
  }

  // Small and large pieces, over 3 MB in all.
  static Body Large() {
    std::vector<std::string> pieces;
    for (int i = 0; i < 3000; ++i) pieces.push_back("pg_tls_connections{server=\"s" + std::to_string(i) + "\"} 1\n");
    for (int i = 0; i < 3; ++i) pieces.emplace_back(1'000'000, 'x');
    return BodyOf(std::move(pieces));
  }

  ServerOptions options_{.listen_addresses = {"127.0.0.1:0"}};
  std::shared_ptr<RequestCounter> counter_ = std::make_shared<RequestCounter>();
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
  const std::map<RequestCounter::Key, std::uint64_t> expected = {
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
}  // namespace pgtls::http
