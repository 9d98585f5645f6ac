#include "exporter/access/basic_auth.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "exporter/access/bcrypt.h"
#include "exporter/base/deadline.h"
#include "exporter/base/error.h"
#include "exporter/http/message.h"

namespace pgtls::access {
namespace {

constexpr std::size_t kMaxKnown = 256;
constexpr std::size_t kMaxChecks = 128;
// Enough for all scrapers and people behind one NAT or proxy after a restart.
constexpr std::size_t kMaxChecksByNetwork = 32;
constexpr std::chrono::seconds kPatience{10};

// The hash against which an unknown user is checked. It has the highest cost of the known users, so the time of the
// check does not reveal whether a user exists.
std::string HashWithoutPassword(const Users& users) {
  std::string cost = "04";
  for (const auto& [name, hash] : users) cost = std::max(cost, BcryptCost(hash));
  return UnmatchableBcrypt(cost);
}

}  // namespace

std::optional<Credentials> ParseBasic(std::string_view authorization) {
  constexpr std::string_view kScheme = "Basic ";
  if (!http::EqualsIgnoringCase(authorization.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  std::string_view text = authorization.substr(kScheme.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::vector<unsigned char> bytes(text.size() / 4 * 3);
  const int length =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  // EVP_DecodeBlock counts the bytes of the padding, too.
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  const std::string decoded(bytes.begin(), bytes.begin() + length - static_cast<std::ptrdiff_t>(padding));
  const auto colon = decoded.find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{decoded.substr(0, colon), decoded.substr(colon + 1)};
}

BasicAuth::BasicAuth() : secret_() {
  if (RAND_bytes(secret_.data(), static_cast<int>(secret_.size())) != 1) throw TlsError("no random bytes");
}

BasicAuth::Mark BasicAuth::MarkOf(const Credentials& credentials, const std::string& hash) const {
  // The hash is part of it, so a changed password is no longer cached. Neither hash nor user can contain a NUL, which
  // would make it ambiguous.
  const std::string text =
      hash + '\0' + std::to_string(credentials.user.size()) + ':' + credentials.user + credentials.password;
  Mark mark{};
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mark.data(), nullptr);
  return mark;
}

asio::awaitable<BasicAuth::Verdict> BasicAuth::Check(std::shared_ptr<const Users> users, Credentials credentials,
                                                     std::string network) {
  const auto user = users->find(credentials.user);
  const bool exists = user != users->end();
  const std::string hash = exists ? user->second : HashWithoutPassword(*users);
  const Mark mark = MarkOf(credentials, hash);
  if (exists && known_.contains(mark)) co_return Verdict::kYes;
  const auto found = queues_.find(network);
  const std::size_t ahead = found == queues_.end() ? 0 : found->second.checks;
  if (checks_ >= kMaxChecks || ahead >= kMaxChecksByNetwork) co_return Verdict::kBusy;
  struct Place {
    BasicAuth& auth;
    std::map<std::string, Queue>::iterator queue;
    Place(BasicAuth& owner, const std::string& network) : auth(owner), queue(auth.queues_.try_emplace(network).first) {
      ++auth.checks_;
      ++queue->second.checks;
    }
    ~Place() {
      --auth.checks_;
      if (--queue->second.checks == 0) auth.queues_.erase(queue);
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
  };
  const Place place(*this, network);
  Semaphore& semaphore = place.queue->second.semaphore;
  const auto executor = co_await asio::this_coro::executor;
  const bool granted = co_await semaphore.Acquire(executor, After(kPatience));
  if (!granted) co_return Verdict::kBusy;
  const SemaphoreGuard guard(semaphore);
  // An earlier check may have cached the same credentials.
  if (exists && known_.contains(mark)) co_return Verdict::kYes;
  auto work = [password = credentials.password, hash] { return BcryptMatches(password, hash); };
  const bool matches = co_await pool_.Run(std::move(work));
  if (!exists || !matches) co_return Verdict::kNo;
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.insert(mark);
  co_return Verdict::kYes;
}

}  // namespace pgtls::access
