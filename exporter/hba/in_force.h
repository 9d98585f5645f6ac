// The file, or what is in force? pg_hba_file_rules shows the file as it stands; connections are judged by the rules of
// the last load that succeeded. A refused reload moves pg_conf_load_time() on and changes nothing. A path that leads to
// another file (a symbolic link that was switched) is a change like any other.
#pragma once

#include <memory>
#include <optional>

#include "exporter/hba/rules.h"

namespace pgtls::hba {

// One look at the file. Times are seconds since the epoch by the server's clock.
struct FileView {
  RuleSet rules;
  double now = 0;        // of the look
  double load_time = 0;  // pg_conf_load_time() of a fresh session
  // The latest modification or change of any of the files, and of any symbolic link on the path to one where links are
  // visible (a modification time alone lies under cp -p and rsync). Absent: not visible.
  std::optional<double> changed;
  // The latest time from which a path may lead elsewhere: a directory on it was renamed, or got another entry where
  // links are not visible. Absent: none is known.
  std::optional<double> moved;
  // The times are as exact as the kernel's clock tick; else whole seconds, rounded down: pg_stat_file has no others.
  bool exact = false;
};

struct InForceView {
  // Why `pending` is absent although times are visible.
  enum class Doubt {
    kNone,
    kSameSecond,  // a file changed in the second of the load (where times are exact: within a clock tick of it)
    kPath,        // a path may lead elsewhere since the load
  };

  // A change waits, or was refused. Absent: it cannot be told.
  std::optional<bool> pending;
  // The rules in force; null where they are not known.
  std::shared_ptr<const RuleSet> rules;
  Doubt doubt = Doubt::kNone;
};

// Remembers the last rules that were proven to be loaded. What visible times leave open stays open until the next load,
// unless these rules were proven for the same load before. Without times, a file that looked the same before and after
// a load counts as loaded. Not thread-safe.
class InForceTracker {
 public:
  InForceView Look(const FileView& view);
  // The rules of the last look, shared with the looks before that saw the same. REQUIRES: there was one.
  const std::shared_ptr<const RuleSet>& shown() const { return shown_->rules; }
  // Null before the first.
  const RuleSet* last_loaded() const { return loaded_ ? loaded_->rules.get() : nullptr; }

 private:
  struct Shown {
    std::shared_ptr<const RuleSet> rules;
    double since;                  // shown like this at every look from here on
    double load_time;              // of the last look
    bool came_after_load = false;  // another file was shown after the same load
  };
  struct Loaded {
    std::shared_ptr<const RuleSet> rules;
    double load_time;  // in force from the load at this time, or still after it
  };
  std::optional<Shown> shown_;
  std::optional<Loaded> loaded_;
};

}  // namespace pgtls::hba
