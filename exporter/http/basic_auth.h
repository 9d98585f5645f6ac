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

namespace pgtls::http {

using Users = std::map<std::string, std::string, std::less<>>;  // name → bcrypt hash

struct Credentials {
  std::string user;
  std::string password;
};
// Of an Authorization field's value; nullopt where it is not Basic, or cannot be decoded.
std::optional<Credentials> ParseBasic(std::string_view authorization);

// Checks credentials, one bcrypt at a time on a thread of its own. What was right is remembered (not as text), so that
// a scraper pays once; what was wrong costs a bcrypt each time, and so does an unknown user. Those who wait are few,
// and few from one network: a flood of guesses delays nobody whose password is known already. Used on one executor.
class BasicAuth {
 public:
  BasicAuth();
  BasicAuth(const BasicAuth&) = delete;
  BasicAuth& operator=(const BasicAuth&) = delete;

  enum class Verdict { kYes, kNo, kBusy };
  // `network` is the client's (ClientNetwork()). Throws when cancelled.
  asio::awaitable<Verdict> Check(std::shared_ptr<const Users> users, Credentials credentials, std::string network);

  // Ends its thread; false where that is in a check and cannot be waited for (BlockingPool::Close()).
  bool Close() { return pool_.Close(); }

 private:
  using Mark = std::array<unsigned char, 32>;
  Mark MarkOf(const Credentials& credentials, const std::string& hash) const;

  std::array<unsigned char, 32> secret_;
  std::set<Mark> known_;
  std::size_t waiting_ = 0;
  std::map<std::string, std::size_t> waiting_by_network_;
  BlockingPool pool_{1};
};

}  // namespace pgtls::http
