// When files on this machine last changed, the symbolic links on their paths included: SQL does not show these.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

namespace pgtls::files {

double LatestChange(const struct stat& status);  // modification or change, whichever is later
// Whether its times are exact to the kernel's clock tick. Otherwise they are whole seconds, rounded down.
bool IsExact(const struct stat& status);

// Follows paths and gathers the times of all of them. Blocks.
class PathTimes {
 public:
  enum class End { kFound, kMissing, kUnknown };

  // Follows the path through directories and links to its end, end().
  End Follow(const std::string& path);
  void Changed(double time);

  const std::string& end() const { return end_; }
  double changed() const { return changed_; }                    // the latest change of a link
  const std::optional<double>& moved() const { return moved_; }  // see hba::FileView::moved

 private:
  void Moved(double time);

  double changed_ = 0;
  std::optional<double> moved_;
  std::string end_;
};

// The kernel gives a file the time of its last clock tick, up to 10 ms ago; twice that, to be safe.
inline constexpr double kClockTick = 0.02;
inline constexpr double kWholeSecond = 1;  // a time in whole seconds may be any time in that second

// Returns a time after which neither the file nor what its path leads to has changed; nullopt if the path cannot be
// followed here. Blocks.
std::optional<double> UnchangedSince(const std::string& path);

}  // namespace pgtls::files
