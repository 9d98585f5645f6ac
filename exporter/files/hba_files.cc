#include "exporter/files/hba_files.h"

#include <sys/stat.h>

#include <cmath>

#include "exporter/files/path_times.h"

namespace pgtls::files {
namespace {

// Follows the path, and compares the file at its end.
bool Check(const HbaFile& file, PathTimes& times) {
  const PathTimes::End end = times.Follow(file.path);
  if (end != PathTimes::End::kFound) return end == PathTimes::End::kMissing && !file.changed;
  struct stat status{};
  if (!file.changed || stat(times.end().c_str(), &status) != 0 || !IsExact(status)) return false;
  times.Changed(LatestChange(status));
  return std::floor(LatestChange(status)) == *file.changed && (!file.size || *file.size == status.st_size);
}

}  // namespace

std::optional<LocalHbaTimes> StatHbaFiles(const std::vector<HbaFile>& files) {
  PathTimes times;
  bool any = false;
  for (const HbaFile& file : files) {
    if (file.way) continue;
    if (!Check(file, times)) return std::nullopt;
    any = any || file.changed.has_value();
  }
  if (!any) return std::nullopt;
  return LocalHbaTimes{times.changed(), times.moved()};
}

}  // namespace pgtls::files
