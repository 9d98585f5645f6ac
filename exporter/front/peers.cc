#include "exporter/front/peers.h"

#include <fmt/format.h>

#include <random>
#include <utility>

namespace pgtls::front {
namespace {

// Without 0 and 255, which have special meanings in some networks, and without 127.0.0.x, which other programs use.
std::string RandomLoopback() {
  std::random_device random;
  std::uniform_int_distribution<int> octet(1, 254);
  return fmt::format("127.{}.{}.{}", octet(random), octet(random), octet(random));
}

}  // namespace

Peers::Peers() : address_(RandomLoopback()) {}

void Peers::Register(std::uint16_t port, std::shared_ptr<Peer> peer) {
  const std::lock_guard lock(mutex_);
  entries_[port] = Entry{std::move(peer)};
}

void Peers::Unregister(std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  entries_.erase(port);
}

std::shared_ptr<Peer> Peers::Claim(std::string_view address, std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(port);
  if (address != address_ || found == entries_.end() || found->second.claimed) return nullptr;
  found->second.claimed = true;
  return found->second.peer;
}

}  // namespace pgtls::front
