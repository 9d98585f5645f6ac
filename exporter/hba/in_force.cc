#include "exporter/hba/in_force.h"

namespace pgtls::hba {
namespace {

using Doubt = InForceView::Doubt;

// What the times alone prove.
struct ByTimes {
  bool touched = false;  // certainly after the load
  Doubt doubt = Doubt::kNone;
};

// The kernel gives a file the time of its last clock tick, up to 10 ms ago; twice that, to be safe. An edit right after
// the load may have a time before it.
constexpr double kClockTick = 0.02;

ByTimes JudgeTimes(const FileView& view) {
  if (!view.changed) return {};
  const double uncertain = view.exact ? kClockTick : 1;  // a time in whole seconds may be any time in that second
  if (*view.changed > view.load_time) return {.touched = true};
  if (view.moved && *view.moved + uncertain > view.load_time) return {.doubt = Doubt::kPath};
  if (*view.changed + uncertain > view.load_time) return {.doubt = Doubt::kSameSecond};
  return {};
}

}  // namespace

InForceView InForceTracker::Update(const FileView& view) {
  if (!shown_ || *shown_->rules != view.rules) {
    const bool changed_since_load = shown_ && shown_->load_time == view.load_time;
    shown_ = Shown{std::make_shared<const RuleSet>(view.rules), view.now, view.load_time, changed_since_load};
  }
  shown_->changed_since_load = shown_->changed_since_load && shown_->load_time == view.load_time;
  shown_->load_time = view.load_time;
  const bool loadable = view.rules.loadable();
  const ByTimes times = JudgeTimes(view);
  const bool proven = loaded_ && loaded_->load_time == view.load_time && *loaded_->rules == view.rules;
  bool untouched = !times.touched && !shown_->changed_since_load;
  if (!view.changed) {
    // Without times, the best evidence is that the file was the same before and after the load.
    untouched = untouched && (shown_->since < view.load_time || proven);
  } else if (times.doubt != Doubt::kNone) {
    // Equal views prove nothing here: another file may have been loaded between them, and replaced afterwards.
    untouched = untouched && proven;
  }
  if (loadable && untouched) {
    loaded_ = Loaded{shown_->rules, view.load_time};
    return {.pending = false, .rules = shown_->rules, .load_time = view.load_time};
  }

  InForceView result;
  if (!loadable || times.touched || (view.changed && shown_->changed_since_load)) {
    result.pending = true;
  } else {
    result.doubt = times.doubt;
  }
  if (!loaded_) return result;
  // The last load was refused: the earlier rules stay in force.
  if (!loadable && untouched) loaded_->load_time = view.load_time;
  // After a load that was not observed, other rules may be in force.
  if (loaded_->load_time == view.load_time) result.rules = loaded_->rules;
  result.load_time = view.load_time;
  return result;
}

}  // namespace pgtls::hba
