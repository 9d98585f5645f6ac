// HTTP basic authentication against bcrypt hashes (RFC 7617; libcrypt).
#pragma once

#include <array>
#include <asio.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "exporter/base/blocking.h"
#include "exporter/base/semaphore.h"

namespace pgtls::access {

using Users = std::map<std::string, std::string, std::less<>>;  // name → bcrypt hash

struct Credentials {
  std::string user;
  std::string password;
};
// Reads the value of an Authorization field; nullopt if it is not Basic or cannot be decoded.
std::optional<Credentials> ParseBasic(std::string_view authorization);

// Checks credentials, one bcrypt at a time, on a separate thread. Correct credentials are cached (not as text), so a
// scraper needs one bcrypt; wrong credentials and unknown users need one each time. Pending checks are limited in
// total, and the networks take turns, so password guessing cannot delay clients whose credentials are cached, and
// delays others by one check at a time. Used on one executor.
class BasicAuth {
 public:
  BasicAuth();
  BasicAuth(const BasicAuth&) = delete;
  BasicAuth& operator=(const BasicAuth&) = delete;

  enum class Verdict { kYes, kNo, kBusy };
  // `network` is the client's (ClientNetwork()). kBusy: too many checks are pending, or it took too long. Throws when
  // cancelled.
  asio::awaitable<Verdict> Check(std::shared_ptr<const Users> users, Credentials credentials, std::string network);

  // Ends its thread. False: the thread is blocked and was abandoned (BlockingPool::Close()).
  bool Close() { return pool_.Close(); }

 private:
  using Mark = std::array<unsigned char, 32>;
  Mark MarkOf(const Credentials& credentials, const std::string& hash) const;

  std::array<unsigned char, 32> secret_;
  std::set<Mark> known_;
  // The checks of one network, of which one runs at a time.
  struct Queue {
    Semaphore semaphore{1};
    std::size_t checks = 0;
  };

  std::size_t checks_ = 0;               // of all networks
  std::map<std::string, Queue> queues_;  // by network; none without checks
  BlockingPool pool_{1};
};

}  // namespace pgtls::access
