#include "exporter/sampling/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "exporter/base/completion.h"
#include "exporter/base/log.h"

namespace pgtls::sampling {
namespace {

// Overload begins where intervals are this much longer on average, and ends below the second.
constexpr double kBegins = 1.5;
constexpr double kEnds = 1.1;
constexpr double kWeight = 1.0 / 64;  // of one collection in the average

}  // namespace

bool IsBefore(const Work& a, const Work& b, Deadline now) {
  const bool first = a.urgency == Urgency::kFirstSessions;
  if (first != (b.urgency == Urgency::kFirstSessions)) return first;
  if (first) return false;
  const Deadline a_end = a.due + a.interval;
  const Deadline b_end = b.due + b.interval;
  const bool overdue = a_end <= now;
  if (overdue != (b_end <= now)) return overdue;
  return overdue ? a_end < b_end : a.urgency < b.urgency;
}

Admission::Admission(asio::io_context& loop, AdaptiveLimit::Bounds bounds, Now now)
    : silence_(loop), now_(std::move(now)), limit_(bounds) {
  Publish();
}

Admission::Figures Admission::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Admission::Publish() {
  const std::lock_guard lock(mutex_);
  figures_.limit = limit_.limit();
  figures_.overloaded = overloaded_;
}

void Admission::Grant() {
  const Deadline now = now_();
  while (!limit_.overloaded() && !counted_.empty() && counted_.front()->granted_ + kSilence <= now) {
    counted_.front()->state_ = Permit::State::kSilent;
    counted_.pop_front();
  }
  while (!queue_.empty() && counted_.size() < limit_.limit()) {
    const auto next = std::min_element(queue_.begin(), queue_.end(), [&](const Permit* a, const Permit* b) {
      return IsBefore(a->work_, b->work_, now);
    });
    Permit& permit = **next;
    // The last first sessions have the machine to themselves too.
    const bool can_wait = permit.work_.urgency > Urgency::kSessions && permit.work_.due + permit.work_.interval > now;
    if (can_wait && std::ranges::any_of(
                        counted_, [](const Permit* other) { return other->urgency() == Urgency::kFirstSessions; })) {
      break;
    }
    counted_.splice(counted_.end(), queue_, next);
    permit.granted_ = now;
    permit.state_ = Permit::State::kCounted;
    NoteDelay(permit.work_, now - permit.since_);
    if (permit.wait_ != nullptr) permit.wait_->cancel();
  }
  if (queue_.empty()) {
    silence_.cancel();
  } else if (!counted_.empty() && !limit_.overloaded()) {
    silence_.expires_after(counted_.front()->granted_ + kSilence - now);
    silence_.async_wait([this](const std::error_code& error) {
      if (!error) Grant();
    });
  }
}

void Admission::NoteDelay(const Work& work, Deadline::duration wait) {
  if (!work.repeated) return;  // a start is no overload
  const double intervals = std::chrono::duration<double>(wait) / std::chrono::duration<double>(work.interval);
  stretch_ += (1 + intervals - stretch_) * kWeight;
  if (intervals > 0.5) {
    const std::lock_guard lock(mutex_);
    ++figures_.delayed;
  }
  if (overloaded_ ? stretch_ >= kEnds : stretch_ < kBegins) return;
  overloaded_ = !overloaded_;
  Publish();
  if (overloaded_) {
    log::Warn(
        "overload: collections wait for each other, and intervals are longer than configured; monitor fewer servers "
        "with one exporter, configure longer intervals, or give it or the servers more CPU",
        {{"interval_ratio", fmt::format("{:.1f}", stretch_)},
         {"waiting", std::to_string(queue_.size())},
         {"concurrent_collections_limit", std::to_string(limit_.limit())}});
  } else {
    log::Info("overload has ended: collections run at their configured intervals", {});
  }
}

Admission::Permit::Permit(Admission* admission, std::string server, const Work& work)
    : admission_(admission),
      server_(std::move(server)),
      work_(work),
      since_(admission != nullptr ? admission->now_() : Deadline()) {
  if (admission_ == nullptr) return;
  place_ = admission_->queue_.insert(admission_->queue_.end(), this);
  admission_->Grant();
}

Admission::Permit::~Permit() {
  if (admission_ == nullptr) return;
  if (state_ == State::kQueued) admission_->queue_.erase(place_);
  if (state_ == State::kCounted) admission_->counted_.erase(place_);
  admission_->Grant();
}

asio::awaitable<bool> Admission::Permit::Wait(Deadline deadline) {
  if (admission_ == nullptr || state_ != State::kQueued) co_return true;
  asio::steady_timer timer(admission_->silence_.get_executor(), deadline);
  // Runs too if the suspended coroutine is destroyed.
  struct Waiting {
    Permit& permit;
    Waiting(Permit& self, asio::steady_timer& timer) : permit(self) { permit.wait_ = &timer; }
    ~Waiting() { permit.wait_ = nullptr; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
  };
  const Waiting waiting(*this, timer);
  co_await timer.async_wait(kAsTuple);
  const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  if (cancelled != asio::cancellation_type::none) throw std::system_error(asio::error::operation_aborted);
  co_return state_ != State::kQueued;
}

void Admission::Permit::Report(std::chrono::nanoseconds took, std::chrono::milliseconds timeout, bool answered) {
  // A wire probe takes long behind a firewall that drops packets: that is not load.
  if (admission_ == nullptr || work_.urgency == Urgency::kWire) return;
  using Answer = AdaptiveLimit::Answer;
  const Answer answer = !answered             ? Answer::kNone
                        : took > timeout / 2  ? Answer::kLate
                        : took <= timeout / 4 ? Answer::kQuick
                                              : Answer::kSlow;
  const Deadline now = admission_->now_();
  admission_->limit_.Add(server_, answer, now - std::chrono::duration_cast<Deadline::duration>(took), now,
                         !admission_->queue_.empty());
  admission_->Publish();
}

}  // namespace pgtls::sampling
