#include "exporter/sessions/own_sessions.h"

#include <algorithm>

namespace pgtls::sessions {

void OwnSessionAccounts::Add(std::int64_t cluster, std::string_view database, OwnLogin login) {
  DropIdle(login.known);
  OwnSessionsByDatabase& databases = clusters_[cluster];
  auto found = databases.find(database);
  if (found == databases.end()) found = databases.emplace(database, OwnSessions{.account = ++last_account_}).first;
  OwnSessions& sessions = found->second;
  ++sessions.total;
  sessions.recent.push_back(login);
  while (sessions.recent.size() > kMostRecent || sessions.recent.front().known < login.known - kRecent)
    sessions.recent.pop_front();
}

OwnSessionsByDatabase OwnSessionAccounts::Of(std::int64_t cluster) const {
  const auto found = clusters_.find(cluster);
  return found == clusters_.end() ? OwnSessionsByDatabase() : found->second;
}

void OwnSessionAccounts::DropIdle(TimePoint now) {
  if (now < next_drop_) return;
  next_drop_ = now + kRecent;
  std::erase_if(clusters_, [now](const auto& cluster) {
    return std::ranges::all_of(
        cluster.second, [now](const auto& database) { return database.second.recent.back().known < now - kIdle; });
  });
}

}  // namespace pgtls::sessions
