#include "exporter/files/path_times.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string_view>
#include <utility>
#include <vector>

namespace pgtls::files {
namespace {

constexpr int kMaxLinks = 40;  // as Linux: MAXSYMLINKS

double Seconds(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// The names in a path, the last one first.
std::vector<std::string> Reversed(std::string_view path) {
  std::vector<std::string> names;
  while (!path.empty()) {
    const auto slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    if (!name.empty() && name != ".") names.emplace_back(name);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  std::ranges::reverse(names);
  return names;
}

}  // namespace

double LatestChange(const struct stat& status) { return std::max(Seconds(status.st_mtim), Seconds(status.st_ctim)); }

bool IsExact(const struct stat& status) { return status.st_mtim.tv_nsec != 0 || status.st_ctim.tv_nsec != 0; }

PathTimes::End PathTimes::Follow(const std::string& path) {
  std::vector<std::string> pending = Reversed(path);
  std::string at;
  int links = 0;
  while (!pending.empty()) {
    const std::string name = std::move(pending.back());
    pending.pop_back();
    if (name == "..") {
      at.erase(std::min(at.rfind('/'), at.size()));
      continue;
    }
    const std::string next = at + '/' + name;
    struct stat status{};
    if (lstat(next.c_str(), &status) != 0) {
      if (errno != ENOENT) return End::kUnknown;
      // It may have existed at the load: only its directory's time shows that.
      if (stat(at.empty() ? "/" : at.c_str(), &status) != 0) return End::kUnknown;
      Moved(Seconds(status.st_mtim));
      return End::kMissing;
    }
    if (S_ISLNK(status.st_mode)) {
      if (++links > kMaxLinks) return End::kUnknown;
      Changed(LatestChange(status));
      std::array<char, PATH_MAX> target{};
      const ssize_t length = readlink(next.c_str(), target.data(), target.size());
      if (length < 0) return End::kUnknown;
      const std::string_view text(target.data(), static_cast<std::size_t>(length));
      if (text.starts_with('/')) at.clear();
      for (std::string& part : Reversed(text)) pending.push_back(std::move(part));
      continue;
    }
    // A new entry moves both times of a directory; a new name of its own, the change alone.
    if (!pending.empty() && Seconds(status.st_ctim) != Seconds(status.st_mtim)) Moved(Seconds(status.st_ctim));
    at = next;
  }
  end_ = at;
  return End::kFound;
}

void PathTimes::Changed(double time) { changed_ = std::max(changed_, time); }

void PathTimes::Moved(double time) { moved_ = std::max(moved_.value_or(time), time); }

std::optional<double> UnchangedSince(const std::string& path) {
  PathTimes times;
  const PathTimes::End end = times.Follow(path);
  if (end == PathTimes::End::kUnknown) return std::nullopt;
  double uncertain = kWholeSecond;
  if (end == PathTimes::End::kFound) {
    struct stat status{};
    if (stat(times.end().c_str(), &status) != 0) return std::nullopt;
    times.Changed(LatestChange(status));
    if (IsExact(status)) uncertain = kClockTick;
  }
  return std::max(times.changed(), times.moved().value_or(0)) + uncertain;
}

}  // namespace pgtls::files
