// Whether the rules in force are those in the file. pg_hba_file_rules shows the current file; the server applies the
// rules of the last successful load. A refused reload advances pg_conf_load_time() and changes nothing else. A path
// that leads to another file (a changed symbolic link) counts as a change.
#pragma once

#include <memory>
#include <optional>

#include "exporter/hba/rules.h"

namespace pgtls::hba {

// The file at one time. Times are seconds since the epoch, by the server's clock.
struct FileView {
  RuleSet rules;
  double now = 0;        // when it was read
  double load_time = 0;  // pg_conf_load_time() of a fresh session
  // The latest modification or change of any of the files and, if links are visible, of any symbolic link on their
  // paths (the modification time alone is wrong after cp -p and rsync). Absent: not visible.
  std::optional<double> changed;
  // The latest time at which a path may have changed its target: a directory on it was renamed or, if links are not
  // visible, one of its entries changed. Absent: none is known.
  std::optional<double> moved;
  // Whether times are exact to the kernel's clock tick. If not, they are whole seconds, rounded down, from
  // pg_stat_file.
  bool exact = false;
};

struct InForceView {
  // Why `pending` is absent although the times are visible.
  enum class Doubt {
    kNone,
    kSameSecond,  // a file changed in the second of the load (with exact times: within one clock tick of it)
    kPath,        // a path may lead to another file since the load
  };

  // Whether a change was not loaded, or was refused. Absent: unknown.
  std::optional<bool> pending;
  // The rules in force; null if they are not known.
  std::shared_ptr<const RuleSet> rules;
  Doubt doubt = Doubt::kNone;
  double load_time = 0;  // FileView::load_time: that of these rules, where they are known
};

// Remembers the last rules that are proven to be loaded. If the times do not decide, it stays unknown until the next
// load, unless the same rules were proven for the same load before. Without times, a file that was the same before and
// after a load counts as loaded. Not thread-safe.
class InForceTracker {
 public:
  InForceView Update(const FileView& view);
  // The rules of the last view, shared with earlier equal views. REQUIRES: Update() was called.
  const std::shared_ptr<const RuleSet>& shown() const { return shown_->rules; }
  // Null before rules were proven to be loaded.
  const RuleSet* last_loaded() const { return loaded_ ? loaded_->rules.get() : nullptr; }

 private:
  struct Shown {
    std::shared_ptr<const RuleSet> rules;
    double since;                     // every view from this time on has these rules
    double load_time;                 // of the last view
    bool changed_since_load = false;  // whether an earlier view of the same load had another file
  };
  struct Loaded {
    std::shared_ptr<const RuleSet> rules;
    double load_time;  // in force since the load at this time, or since an earlier one
  };
  std::optional<Shown> shown_;
  std::optional<Loaded> loaded_;
};

}  // namespace pgtls::hba
