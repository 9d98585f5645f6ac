#include "exporter/hba/in_force.h"

namespace pgtls::hba {

InForceView InForceTracker::Look(const FileView& view) {
  if (!shown_ || *shown_->rules != view.rules) {
    const bool came_after_load = shown_ && shown_->load_time == view.load_time;
    shown_ = Shown{std::make_shared<const RuleSet>(view.rules), view.now, view.load_time, came_after_load};
  }
  shown_->came_after_load = shown_->came_after_load && shown_->load_time == view.load_time;
  shown_->load_time = view.load_time;
  const bool loadable = view.rules.loadable();
  // Unchanged since the load, or, where nobody can tell that, shown the same before and after it.
  const bool untouched =
      view.changed ? *view.changed <= view.load_time && !shown_->came_after_load : shown_->since < view.load_time;
  if (loadable && untouched) {
    loaded_ = Loaded{shown_->rules, view.load_time};
    return {false, shown_->rules};
  }

  InForceView result;
  if (!loadable || view.changed) result.pending = true;
  if (!loaded_) return result;
  // What the last load read was refused: the rules before it stay in force past that load.
  if (!loadable && untouched) loaded_->load_time = view.load_time;
  // After a load that nobody looked at, other rules may be in force. A file that cannot be loaded leaves those that are
  // known.
  if (!loadable || loaded_->load_time == view.load_time) result.rules = loaded_->rules;
  return result;
}

}  // namespace pgtls::hba
