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
// Files whose ends are remembered: those of a year of daily files.
constexpr std::size_t kMostRemembered = 400;

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

// Where the whole records end that are there now: what follows the last byte's record.
Position EndOf(const LogFile& file) {
  if (file.size == 0) return {.file = file.name};
  return {.file = file.name, .offset = file.size - 1, .inside = Inside::kRecord, .mark = {}};
}

const LogFile* Last(const std::vector<LogFile>& files) {
  const auto last = std::find_if(files.rbegin(), files.rend(), [](const LogFile& file) { return !file.rotated; });
  return last == files.rend() ? nullptr : &*last;
}

}  // namespace

// What is in the files now was before the exporter followed them.
asio::awaitable<void> Follower::Start(Source& source, const std::vector<LogFile>& files) {
  position_ = EndOf(*Last(files));
  std::size_t marked = 0;
  for (auto file = files.rbegin(); file != files.rend() && read_.size() < kMostRemembered; ++file) {
    if (file->rotated || file->name == position_->file) continue;
    Position end = EndOf(*file);
    // The server writes again to the newest ones only.
    if (++marked <= kMostMoved) {
      const Piece piece = co_await source.Read(end, 1);
      if (piece.problem == Piece::Problem::kNone) end = piece.next;
    }
    read_[file->name] = std::move(end);
  }
}

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
    read_.erase(position_->file);
    position_ = std::move(moved);
    co_return true;
  }
  co_return false;
}

// Returns whether there is a position to continue from.
asio::awaitable<bool> Follower::Recover(Source& source, const std::vector<LogFile>& files, Piece::Problem problem,
                                        Reader& reader) {
  const bool is_new_file = std::exchange(may_be_replaced_, false) && problem == Piece::Problem::kReplaced;
  if (!is_new_file && co_await FindMoved(source, files)) co_return true;
  if (!is_new_file) reader.TakeGap();
  if (problem == Piece::Problem::kReplaced) {
    position_ = Position{.file = position_->file};
    co_return true;
  }
  // What is in the other files may have been read before.
  position_ = EndOf(*Last(files));
  co_return false;
}

// To the next file that has something. A file that was just created is empty while the server still writes to the one
// before. Returns false if there is none.
bool Follower::MoveOn(const std::vector<LogFile>& files) {
  const auto here = Find(files, position_->file);
  if (here == files.end()) return false;
  const auto next =
      std::find_if(here + 1, files.end(), [&](const LogFile& file) { return Continues(*here, file) && file.size > 0; });
  if (next == files.end()) return false;
  if (read_.size() < kMostRemembered) read_[position_->file] = *position_;
  const auto known = read_.find(next->name);
  may_be_replaced_ = known != read_.end();
  position_ = may_be_replaced_ ? known->second : Position{.file = next->name};
  return true;
}

asio::awaitable<Follower::Run> Follower::Read(Source& source, std::size_t most_bytes, Reader& reader) {
  Run run;
  std::vector<LogFile> files = co_await source.List();
  Sort(files);
  const LogFile* last = Last(files);
  if (last == nullptr) co_return run;
  for (const LogFile& file : files) run.modified = std::max(run.modified.value_or(0), file.modified);
  if (!position_) {
    co_await Start(source, files);
    run.started = true;
  }
  const std::size_t piece_bytes = std::clamp(most_bytes, kLeastPiece, kMostPiece);
  std::size_t read = 0;
  bool at_end = false;
  while (!at_end && read < most_bytes) {
    const Piece piece = co_await source.Read(*position_, piece_bytes);
    if (piece.problem != Piece::Problem::kNone) {
      if (!co_await Recover(source, files, piece.problem, reader)) co_return run;
      continue;
    }
    may_be_replaced_ = false;
    const bool moved = piece.next != *position_;
    position_ = piece.next;
    read += piece.bytes;
    if (piece.ambiguous > 0) reader.TakeAmbiguous();
    if (!piece.records.empty()) reader.Take(FormatOf(position_->file), piece.records);
    at_end = (piece.at_end || !moved) && !MoveOn(files);
  }
  if (at_end) co_return run;

  const auto here = Find(files, position_->file);
  std::int64_t left = here == files.end() ? 0 : here->size - position_->offset;
  for (auto file = here; file != files.end(); ++file) {
    if (file != here && Continues(*here, *file)) left += file->size;
  }
  if (left > static_cast<std::int64_t>(most_bytes)) {
    reader.TakeGap();
    position_ = EndOf(*last);
  }
  co_return run;
}

}  // namespace pgtls::serverlog
