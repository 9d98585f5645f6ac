// Follows a log through its files: where it was read to, what comes next, and whether records were lost.
#pragma once

#include <asio/awaitable.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/base/error.h"
#include "exporter/serverlog/record.h"
#include "exporter/serverlog/split.h"

namespace pgtls::serverlog {

struct LogFile {
  std::string name;
  std::int64_t size = 0;
  double modified = 0;   // seconds since the epoch
  bool current = false;  // the server writes to it now
  bool rotated = false;  // a copy or an old file under a name that the log does not have itself (x.log.1)
};

struct Position {
  std::string file;
  std::int64_t offset = 0;
  Inside inside = Inside::kNothing;
  std::string mark;  // of the bytes before it, as the source made it, in hex; empty: none
  friend bool operator==(const Position&, const Position&) = default;
};

// What was read at a position.
struct Piece {
  enum class Problem : std::uint8_t { kNone, kNoSuchFile, kReplaced };
  Problem problem = Problem::kNone;  // otherwise the rest is empty
  Position next;
  std::size_t bytes = 0;      // of the file
  bool at_end = false;        // the file has no more whole records now
  std::size_t ambiguous = 0;  // records that may be of a connection, and cannot be told from others
  std::string records;        // in the file's format: those that may be about connections, and the last one's time
};

// The log is a FIFO or device. It is not opened: its records would be lost to their reader.
class NoRegularFile : public Error {
 public:
  explicit NoRegularFile(const std::string& file) : Error(FailureReason::kError, file + ": not a regular file") {}
};

// Where the files are. Throws NoRegularFile, and Error if they cannot be read.
class Source {
 public:
  virtual ~Source() = default;
  virtual asio::awaitable<std::vector<LogFile>> List() = 0;
  virtual asio::awaitable<Piece> Read(Position from, std::size_t most_bytes) = 0;
};

// Takes what is read, in the order of the log.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual void Take(Format format, std::string_view records) = 0;
  // Records may be lost between what was taken before and what comes next.
  virtual void TakeGap() = 0;
  // Records could not be told from other text.
  virtual void TakeAmbiguous() = 0;
};

// Not thread-safe.
class Follower {
 public:
  struct Run {
    bool started = false;  // it began at the end of the log: there was no position
    std::optional<double>
        modified;  // when any of the log's files was last written, seconds since the epoch; absent: none
  };

  // Reads at most `most_bytes` of what is new. If more than as much is left then, it is given up, and counts as a gap:
  // the next run begins at the end. Throws what `source` throws; the position is then where it was read to.
  asio::awaitable<Run> Read(Source& source, std::size_t most_bytes, Reader& reader);

  const std::optional<Position>& position() const { return position_; }
  // Continues here.
  void Resume(Position position) { position_ = std::move(position); }

 private:
  asio::awaitable<void> Start(Source& source, const std::vector<LogFile>& files);
  asio::awaitable<bool> FindMoved(Source& source, const std::vector<LogFile>& files);
  asio::awaitable<bool> Recover(Source& source, const std::vector<LogFile>& files, Piece::Problem problem,
                                Reader& reader);
  bool MoveOn(const std::vector<LogFile>& files);

  std::optional<Position> position_;
  // Where other files were read to: the server may write to them again. They are read from there, or from their
  // beginning if they were replaced.
  std::map<std::string, Position> read_;
  bool may_be_replaced_ = false;  // the file was read before, and may be truncated and written again: no gap
};

}  // namespace pgtls::serverlog
