// In which order a server's collectors run, and how they wait for the other servers.
#include <algorithm>
#include <utility>

#include "exporter/sampling/server.h"

namespace pgtls::sampling {
namespace {

using std::chrono::steady_clock;

// How many attempts after a loss have the urgency of a first login. A server that is still down then waits as those do
// that are up.
constexpr int kUrgentAttempts = 2;

}  // namespace

Work Server::WorkOf(const Slot& slot, bool once) const {
  Work work{.urgency = Urgency::kWire,
            .due = slot.due,
            .interval = slot.state.interval,
            .repeated = slot.state.result != nullptr && !once};
  if (slot.type->connection == ConnectionKind::kPersistent) {
    const bool known = up_.value_or(false) && slot.state.result;
    work.urgency = known || failures_in_a_row_ >= kUrgentAttempts ? Urgency::kSessions : Urgency::kFirstSessions;
  } else if (slot.type->connection == ConnectionKind::kFresh) {
    work.urgency = Urgency::kSettings;
  }
  // Somebody waits for all that runs once.
  if (once) work.urgency = Urgency::kSessions;
  return work;
}

Server::Slot* Server::NextSlot(LaneKind kind, bool once, const std::set<const Slot*>& done) {
  const Deadline now = steady_clock::now();
  Slot* next = nullptr;
  for (Slot& slot : slots_) {
    if (!IsDue(slot, kind, once) || done.contains(&slot)) continue;
    if (slot.due == Deadline::min()) slot.due = now;
    if (next == nullptr || IsBefore(WorkOf(slot, once), WorkOf(*next, once), now)) next = &slot;
  }
  return next;
}

asio::awaitable<bool> Server::WaitForPermit(Admission::Permit& permit, Slot& slot, bool once) {
  for (;;) {
    Deadline next = Deadline::max();
    for (const Slot& other : slots_) {
      const bool same_lane = NeedsSql(*other.type) == NeedsSql(*slot.type);
      if (once || !other.enabled || !same_lane || WorkOf(other, once).urgency >= permit.urgency()) continue;
      next = std::min(next, other.due);
    }
    const bool known = slot.state.result && !slot.state.result->failure && !once;
    const Deadline outdated = known ? slot.due + 2 * slot.state.interval : Deadline::max();
    LaneOf(NeedsSql(*slot.type) ? LaneKind::kSession : LaneKind::kWire).heartbeat.Expect(Deadline::max());
    const bool granted = co_await permit.Wait(std::min(next, outdated));
    if (granted) co_return true;
    const Deadline now = steady_clock::now();
    if (outdated <= now) {
      // Not logged: overload is one event, and none of each server.
      auto result = std::make_shared<CollectorResult>();
      result->failure = Failure{FailureReason::kTimeout, "overload: not collected for three intervals"};
      slot.state.result = std::move(result);
      Publish();
    }
    if (next <= now) co_return false;
  }
}

}  // namespace pgtls::sampling
