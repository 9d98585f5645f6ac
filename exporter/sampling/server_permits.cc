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
  const auto was_collected = [](const Slot& any) {
    return any.type->connection == ConnectionKind::kPersistent && any.state.result;
  };
  if (slot.type->connection == ConnectionKind::kPersistent) {
    // Its first collection is that of its sessions. Those of other servers come before this one's links.
    const bool known = up_.value_or(false) && std::any_of(slots_.begin(), slots_.end(), was_collected);
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
  const auto before = [&](const Slot& a, const Slot& b) {
    const Work work_a = WorkOf(a, once);
    const Work work_b = WorkOf(b, once);
    if (IsBefore(work_a, work_b, now)) return true;
    return !IsBefore(work_b, work_a, now) && a.type->connection < b.type->connection;
  };
  Slot* next = nullptr;
  for (Slot& slot : slots_) {
    if (!IsDue(slot, kind, once) || done.contains(&slot)) continue;
    if (slot.due == Deadline::min()) slot.due = now;
    if (next == nullptr || before(slot, *next)) next = &slot;
  }
  return next;
}

void Server::DropOutdated(LaneKind kind) {
  const Deadline now = steady_clock::now();
  bool dropped = false;
  for (Slot& slot : slots_) {
    if (NeedsSql(*slot.type) != (kind == LaneKind::kSession) || OutdatedAt(slot) > now) continue;
    // Not logged: overload is one event, not one per server.
    auto result = std::make_shared<CollectorResult>();
    result->failure = Failure{FailureReason::kTimeout, "overload: not collected for three intervals"};
    slot.state.result = std::move(result);
    dropped = true;
  }
  if (dropped) Publish();
}

Deadline Server::OutdatedAt(const Slot& slot) {
  const bool known = slot.enabled && slot.state.result && !slot.state.result->failure;
  return known && slot.due != Deadline::min() ? slot.due + 2 * slot.state.interval : Deadline::max();
}

asio::awaitable<bool> Server::WaitForPermit(Admission::Permit& permit, const Slot& slot, bool once,
                                            const std::set<const Slot*>& done) {
  const LaneKind kind = NeedsSql(*slot.type) ? LaneKind::kSession : LaneKind::kWire;
  for (;;) {
    Deadline next = Deadline::max();
    Deadline outdated = Deadline::max();
    for (const Slot& other : slots_) {
      if (once || !other.enabled || NeedsSql(*other.type) != NeedsSql(*slot.type)) continue;
      outdated = std::min(outdated, OutdatedAt(other));
      const bool more_urgent = WorkOf(other, once).urgency < permit.urgency() && !done.contains(&other);
      const Deadline due = std::max(other.due, steady_clock::now());
      // Not where this one is served first all the same, since it is overdue: the permit would be asked for without
      // end.
      if (more_urgent && IsBefore(WorkOf(other, once), WorkOf(slot, once), due)) next = std::min(next, other.due);
    }
    LaneOf(kind).heartbeat.Expect(Deadline::max());
    const bool granted = co_await permit.Wait(std::min(next, outdated));
    if (granted) co_return true;
    if (!once) DropOutdated(kind);
    if (next <= steady_clock::now()) co_return false;
  }
}

}  // namespace pgtls::sampling
