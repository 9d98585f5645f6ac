// The files of pg_hba.conf on this machine, if the server runs on it: exact times, and the symbolic links that SQL does
// not show.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pgtls::files {

// A file or directory as the server reports it.
struct HbaFile {
  std::string path;               // absolute
  std::optional<double> changed;  // modification or change, whichever is later, in whole seconds; absent: missing
  std::optional<std::int64_t> size;
  bool way = false;  // whether it is a directory on the path to the others; `changed`: of its entries
};

struct LocalHbaTimes {
  double changed = 0;           // the latest, with links on the paths
  std::optional<double> moved;  // see hba::FileView::moved
};

// Returns nullopt if the paths cannot be followed here, or lead to other files than the server's (another container, a
// tunnel): size and times must match. Reads no content. Blocks.
std::optional<LocalHbaTimes> StatHbaFiles(const std::vector<HbaFile>& files);

}  // namespace pgtls::files
