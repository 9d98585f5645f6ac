#include "collectors/served_changes.h"

#include <algorithm>

namespace pgtls::collectors {
namespace {

// More names than a server has at one time: those that it had before are forgotten first.
constexpr std::size_t kMostNames = 256;

}  // namespace

void ServedChanges::Observed(const std::string& host, const std::string& fingerprint, std::chrono::sys_seconds now) {
  if (by_host_.size() >= kMostNames && !by_host_.contains(host)) {
    by_host_.erase(std::ranges::min_element(by_host_, {}, [](const auto& entry) { return entry.second.used; }));
  }
  History& history = by_host_.try_emplace(host, History{.since = now}).first->second;
  history.used = ++observed_;
  const std::uint64_t number = ++history.handshakes;
  const bool is_new = history.last_shown.insert_or_assign(fingerprint, number).second;
  if (is_new && number > 1) history.changed = now;
  std::erase_if(history.last_shown, [&](const auto& entry) { return number - entry.second > kHandshakesRemembered; });
}

std::optional<std::chrono::sys_seconds> ServedChanges::ChangedAt(const std::string& host,
                                                                 std::chrono::sys_seconds now) const {
  const auto found = by_host_.find(host);
  if (found == by_host_.end()) return std::nullopt;
  const History& history = found->second;
  if (history.changed) return history.changed;
  return now - history.since >= kServedLongEnough ? std::optional(history.since) : std::nullopt;
}

}  // namespace pgtls::collectors
