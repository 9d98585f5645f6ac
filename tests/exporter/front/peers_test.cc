#include "exporter/front/peers.h"

#include <gtest/gtest.h>

namespace pgtls::front {
namespace {

TEST(Peers, GivesAPeerToItsOwnAddressAndPortOnce) {
  Peers peers;
  const auto peer = std::make_shared<Peer>();
  peers.Register(40000, peer);
  EXPECT_EQ(peers.Claim("127.0.0.2", 40000), nullptr);
  EXPECT_EQ(peers.Claim(peers.address(), 40001), nullptr);
  EXPECT_EQ(peers.Claim(peers.address(), 40000), peer);
  EXPECT_EQ(peers.Claim(peers.address(), 40000), nullptr);
  peers.Register(40000, peer);
  peers.Unregister(40000);
  EXPECT_EQ(peers.Claim(peers.address(), 40000), nullptr);
}

TEST(Peers, ComesFromAnAddressOfItsOwn) {
  const Peers peers;
  EXPECT_TRUE(peers.address().starts_with("127."));
  EXPECT_FALSE(peers.address().starts_with("127.0."));
  EXPECT_NE(peers.address(), Peers().address());
}

}  // namespace
}  // namespace pgtls::front
