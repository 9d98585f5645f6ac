#include "exporter/files/log_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "exporter/base/digest.h"
#include "exporter/base/error.h"
#include "exporter/base/file.h"

namespace pgtls::files {
namespace {

using serverlog::LogFile;
using serverlog::Piece;
using serverlog::Position;

// Of the bytes before a position: they end with a record, and so with its time and pid.
constexpr std::int64_t kMarked = 64;

bool IsCompressed(const std::string& name) {
  constexpr std::array<std::string_view, 6> kEndings = {".gz", ".xz", ".bz2", ".zst", ".lz4", ".zip"};
  return std::ranges::any_of(kEndings, [&](std::string_view ending) { return name.ends_with(ending); });
}

// A FIFO, socket or device: reading it takes the records away from their reader.
bool IsNoRegularFile(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

std::optional<LogFile> Look(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  constexpr double kNanosecond = 1e-9;
  return LogFile{.name = path,
                 .size = status.st_size,
                 .modified = static_cast<double>(status.st_mtim.tv_sec) +
                             kNanosecond * static_cast<double>(status.st_mtim.tv_nsec)};
}

std::set<std::string> Matching(const std::vector<std::string>& patterns) {
  std::set<std::string> paths;
  for (const std::string& pattern : patterns) {
    glob_t found{};
    const int status = glob(pattern.c_str(), GLOB_BRACE, nullptr, &found);  // NOLINT(concurrency-mt-unsafe)
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      if (!IsCompressed(found.gl_pathv[i])) paths.insert(found.gl_pathv[i]);
    }
    globfree(&found);
    if (status != 0 && status != GLOB_NOMATCH)
      throw Error(FailureReason::kError, pattern + ": the files that it matches could not be listed");
  }
  return paths;
}

// Where the directory may not be listed, no old file is found.
std::vector<std::string> NamesBeside(const std::string& directory) {
  try {
    return NamesIn(directory);
  } catch (const std::system_error&) {
    return {};
  }
}

std::vector<LogFile> ListFiles(const std::vector<std::string>& patterns) {
  const std::set<std::string> paths = Matching(patterns);
  std::vector<LogFile> files;
  for (const std::string& path : paths) {
    if (auto file = Look(path)) files.push_back(*std::move(file));
  }
  const auto no_file = std::ranges::find_if(paths, IsNoRegularFile);
  if (files.empty() && no_file != paths.end()) throw serverlog::NoRegularFile(*no_file);
  const auto newest = std::ranges::max_element(files, {}, &LogFile::modified);
  if (newest != files.end()) newest->current = true;

  std::map<std::string, std::vector<std::string>> by_directory;
  for (const std::string& path : paths) {
    const std::filesystem::path name(path);
    by_directory[name.parent_path()].push_back(name.filename());
  }
  for (const auto& [directory, names] : by_directory) {
    for (const std::string& other : NamesBeside(directory.empty() ? "." : directory)) {
      const std::string path = directory.empty() ? other : directory + "/" + other;
      const bool of_log = std::ranges::any_of(names, [&](const std::string& name) { return other.starts_with(name); });
      if (!of_log || paths.contains(path) || IsCompressed(other)) continue;
      if (auto file = Look(path)) {
        file->rotated = true;
        files.push_back(*std::move(file));
      }
    }
  }
  return files;
}

std::string MarkOf(std::string_view before) { return fmt::format("{:02x}", fmt::join(DigestOf(before), "")); }

Piece ReadPiece(const Position& from, std::size_t most_bytes) {
  const std::int64_t marked = std::min(from.offset, kMarked);
  FilePiece read;
  try {
    read = ReadFilePiece(from.file, from.offset - marked, most_bytes + static_cast<std::size_t>(marked));
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return {.problem = Piece::Problem::kNoSuchFile};
    throw Error(FailureReason::kError, from.file + ": " + error.code().message());
  }
  const std::string_view bytes = read.bytes;
  const bool truncated = from.offset > read.file_size || bytes.size() < static_cast<std::size_t>(marked);
  if (truncated) return {.problem = Piece::Problem::kReplaced};
  const std::string_view before = bytes.substr(0, static_cast<std::size_t>(marked));
  if (!from.mark.empty() && from.mark != MarkOf(before)) return {.problem = Piece::Problem::kReplaced};

  const std::string_view content = bytes.substr(before.size());
  const bool to_end = from.offset + static_cast<std::int64_t>(content.size()) >= read.file_size;
  const serverlog::Split split = serverlog::SplitRecords(serverlog::FormatOf(from.file), content, from.inside, to_end);
  Piece piece;
  piece.bytes = content.size();
  piece.at_end = to_end;
  for (const std::string_view record : split.records) {
    if (serverlog::MayBeAboutConnection(record) || record.data() == split.records.back().data())
      piece.records += record;
  }
  const std::string_view until = bytes.substr(0, before.size() + split.end);
  piece.next = {.file = from.file,
                .offset = from.offset + static_cast<std::int64_t>(split.end),
                .inside = split.inside,
                .mark = MarkOf(until.substr(until.size() - std::min<std::size_t>(until.size(), kMarked)))};
  if (piece.next.offset == 0) piece.next.mark.clear();
  return piece;
}

}  // namespace

LogFiles::LogFiles(BlockingPool& blocking, std::vector<std::string> patterns)
    : blocking_(blocking), patterns_(std::move(patterns)) {}

asio::awaitable<std::vector<LogFile>> LogFiles::List() {
  std::function<std::vector<LogFile>()> list = [patterns = patterns_] { return ListFiles(patterns); };
  co_return co_await blocking_.Run(std::move(list));
}

asio::awaitable<Piece> LogFiles::Read(Position from, std::size_t most_bytes) {
  std::function<Piece()> read = [from = std::move(from), most_bytes] { return ReadPiece(from, most_bytes); };
  co_return co_await blocking_.Run(std::move(read));
}

}  // namespace pgtls::files
