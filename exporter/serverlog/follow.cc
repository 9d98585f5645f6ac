#include "exporter/serverlog/follow.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace pgtls::serverlog {
namespace {

// Of one request: the memory that a run needs. The records of connections are far smaller than the least.
constexpr std::size_t kLeastPiece = std::size_t{1} << 16;
constexpr std::size_t kMostPiece = std::size_t{1} << 18;
// Files that may be the one that was being read, under another name.
constexpr std::size_t kMostMoved = 10;

// In the order in which they were written.
void Sort(std::vector<LogFile>& files) {
  std::ranges::sort(files, {}, [](const LogFile& file) {
    return std::tuple(file.current, file.modified, !file.rotated, std::string_view(file.name));
  });
}

std::vector<LogFile>::const_iterator Find(const std::vector<LogFile>& files, const std::string& name) {
  return std::ranges::find(files, name, &LogFile::name);
}

// Whether what was written after `here` may be in `file`. Old files under new names come after one another only.
bool Continues(const LogFile& here, const LogFile& file) { return here.rotated || !file.rotated; }

// The first file after `name` that has something. A file that was just created is empty while the server still writes
// to the one before.
const LogFile* NextFile(const std::vector<LogFile>& files, const std::string& name) {
  const auto here = Find(files, name);
  if (here == files.end()) return nullptr;
  const auto next =
      std::find_if(here + 1, files.end(), [&](const LogFile& file) { return Continues(*here, file) && file.size > 0; });
  return next == files.end() ? nullptr : &*next;
}

// Where the whole records end that are there now: what follows the last byte's record.
Position EndOf(const LogFile& file) {
  if (file.size == 0) return {.file = file.name};
  return {.file = file.name, .offset = file.size - 1, .inside = Inside::kRecord, .mark = {}};
}

std::int64_t LeftAfter(const Position& position, const std::vector<LogFile>& files) {
  const auto here = Find(files, position.file);
  if (here == files.end()) return 0;
  std::int64_t left = here->size - position.offset;
  for (auto file = here + 1; file != files.end(); ++file) left += Continues(*here, *file) ? file->size : 0;
  return left;
}

const LogFile* Last(const std::vector<LogFile>& files) {
  const auto last = std::find_if(files.rbegin(), files.rend(), [](const LogFile& file) { return !file.rotated; });
  return last == files.rend() ? nullptr : &*last;
}

}  // namespace

// The file at the position has another name now, or was copied and emptied: its bytes before the position tell.
asio::awaitable<bool> Follower::FindMoved(Source& source, const std::vector<LogFile>& files) {
  if (position_->mark.empty()) co_return false;
  std::size_t tried = 0;
  for (auto file = files.rbegin(); file != files.rend() && tried < kMostMoved; ++file) {
    if (file->size < position_->offset || file->name == position_->file) continue;
    ++tried;
    Position moved = *position_;
    moved.file = file->name;
    const Piece piece = co_await source.Read(moved, 1);
    if (piece.problem != Piece::Problem::kNone) continue;
    position_ = std::move(moved);
    co_return true;
  }
  co_return false;
}

asio::awaitable<Follower::Run> Follower::Read(Source& source, std::size_t most_bytes,
                                              std::function<void(Format format, std::string_view records)> take) {
  Run run;
  std::vector<LogFile> files = co_await source.List();
  Sort(files);
  const LogFile* last = Last(files);
  if (last == nullptr) {
    run.no_file = true;
    co_return run;
  }
  if (!position_) {
    position_ = EndOf(*last);
    run.started = true;
  }
  const std::size_t piece_bytes = std::clamp(most_bytes, kLeastPiece, kMostPiece);
  std::size_t left = most_bytes;
  while (left > 0) {
    const Piece piece = co_await source.Read(*position_, piece_bytes);
    if (piece.problem != Piece::Problem::kNone) {
      if (co_await FindMoved(source, files)) continue;
      ++run.gaps;
      // What is in the other files may have been read before.
      if (piece.problem == Piece::Problem::kNoSuchFile) {
        position_ = EndOf(*last);
        co_return run;
      }
      position_ = Position{.file = position_->file};
      continue;
    }
    if (!piece.records.empty()) take(FormatOf(position_->file), piece.records);
    run.ambiguous += piece.ambiguous;
    left -= std::min(left, piece.bytes);
    const bool moved_on = piece.next != *position_;
    position_ = piece.next;
    if (!piece.at_end && moved_on) continue;
    const LogFile* next = NextFile(files, position_->file);
    if (next == nullptr) break;
    position_ = Position{.file = next->name};
  }
  if (LeftAfter(*position_, files) > static_cast<std::int64_t>(most_bytes)) {
    ++run.gaps;
    position_ = EndOf(*last);
  }
  co_return run;
}

}  // namespace pgtls::serverlog
