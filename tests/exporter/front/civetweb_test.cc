#include "exporter/front/civetweb.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "tests/exporter/front/client.h"

namespace pgtls::front {
namespace {

constexpr const char* kRequest = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

class InnerServerTest : public ::testing::Test {
 protected:
  std::string address() const { return "127.0.0.1:" + std::to_string(server_.port()); }

  static std::uint16_t LocalPort(const Client& client) {
    sockaddr_in local{};
    socklen_t length = sizeof(local);
    getsockname(client.descriptor(), reinterpret_cast<sockaddr*>(&local), &length);
    return ntohs(local.sin_port);
  }

  http::Router router_{
      {{"/metrics", {"GET"}, [](const http::Request&) { return http::Response{.body = "page"}; }, "metrics"}}, nullptr};
  Peers peers_;
  CivetWeb server_{2, router_, peers_};
};

TEST_F(InnerServerTest, ServesARegisteredPeerOnce) {
  Client client(address(), peers_.address());
  const auto peer = std::make_shared<Peer>();
  peers_.Register(LocalPort(client), peer);
  client.Send(kRequest);
  EXPECT_EQ(client.ReadAnswer().body, "page");
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_TRUE(peer->complete);
  EXPECT_EQ(peers_.Claim(peers_.address(), LocalPort(client)), nullptr);
}

TEST_F(InnerServerTest, ServesNobodyElse) {
  Client unregistered(address(), peers_.address());
  unregistered.Send(kRequest);
  EXPECT_EQ(unregistered.ReadToEnd(), "");

  // The same port on another address of the loopback, where nobody else on this machine has it.
  std::unique_ptr<Client> mine;
  std::unique_ptr<Client> neighbour;
  for (int tries = 0; tries < 20 && !(neighbour && neighbour->connected()); ++tries) {
    mine = std::make_unique<Client>(address(), peers_.address());
    neighbour = std::make_unique<Client>(address(), "127.0.0.2:" + std::to_string(LocalPort(*mine)));
  }
  ASSERT_TRUE(neighbour->connected());
  peers_.Register(LocalPort(*mine), std::make_shared<Peer>());
  neighbour->Send(kRequest);
  EXPECT_EQ(neighbour->ReadToEnd(), "");
  mine->Send(kRequest);
  EXPECT_EQ(mine->ReadAnswer().body, "page");
}

TEST_F(InnerServerTest, IsNotHeldByStrangersWhoSayNothing) {
  std::vector<std::unique_ptr<Client>> strangers;
  for (int i = 0; i < 20; ++i) strangers.push_back(std::make_unique<Client>(address()));
  Client client(address(), peers_.address());
  peers_.Register(LocalPort(client), std::make_shared<Peer>());
  client.Send(kRequest);
  EXPECT_EQ(client.ReadAnswer().body, "page");
}

}  // namespace
}  // namespace pgtls::front
