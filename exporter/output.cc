#include "exporter/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

namespace pgtls {
namespace {

constexpr const char* kStandardOutput = "standard output";
constexpr mode_t kReadableByAll = 0644;
constexpr int kMostLinks = 40;  // as the kernel follows

[[noreturn]] void Fail(const std::string& place, int error) {
  throw OutputError("cannot write " + place + ": " + std::generic_category().message(error));
}

void WriteAll(int descriptor, std::string_view text, const std::string& place) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // a pipe that somebody else has made non-blocking
      pollfd writable{.fd = descriptor, .events = POLLOUT, .revents = 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      Fail(place, errno);
    }
  }
}

void WriteAll(int descriptor, const Pieces& pieces, const std::string& place) {
  for (std::string_view piece = pieces(); !piece.empty(); piece = pieces()) WriteAll(descriptor, piece, place);
}

// Some file systems report a full disk or a quota only when a descriptor is closed.
void CheckClose(int descriptor, const std::string& place) {
  if (close(descriptor) != 0 && errno != EINTR) Fail(place, errno);
}

void EndPrinting() {
  const int copy = dup(STDOUT_FILENO);
  if (copy < 0) Fail(kStandardOutput, errno);
  CheckClose(copy, kStandardOutput);
}

// The file that `path` leads to. It need not exist.
std::string Followed(std::string path) {
  if (const std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr), &std::free); real) {
    return real.get();
  }
  for (int i = 0; i < kMostLinks; ++i) {
    std::error_code error;
    const std::filesystem::path target = std::filesystem::read_symlink(path, error);
    if (error) return path;
    path = (std::filesystem::path(path).parent_path() / target).string();
  }
  Fail(path, ELOOP);
}

// A temporary file that is gone when this ends, unless it was renamed.
class TemporaryFile {
 public:
  // Its name is hidden and ends in no suffix that a reader of the directory looks for (node_exporter: .prom).
  explicit TemporaryFile(const std::string& beside)
      : name_((std::filesystem::path(beside).parent_path() / ".pg_tls_exporter.XXXXXX").string()),
        descriptor_(mkostemp(name_.data(), O_CLOEXEC)) {
    if (descriptor_ < 0) Fail(beside, errno);
  }
  ~TemporaryFile() {
    if (descriptor_ >= 0) close(descriptor_);
    if (!renamed_) unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  int descriptor() const { return descriptor_; }
  void RenameTo(const std::string& path) {
    if (fchmod(descriptor_, kReadableByAll) != 0 || fsync(descriptor_) != 0) Fail(path, errno);
    CheckClose(std::exchange(descriptor_, -1), path);
    if (rename(name_.c_str(), path.c_str()) != 0) Fail(path, errno);
    renamed_ = true;
  }

 private:
  std::string name_;
  int descriptor_;
  bool renamed_ = false;
};

}  // namespace

void Print(std::string_view text) {
  WriteAll(STDOUT_FILENO, text, kStandardOutput);
  EndPrinting();
}

void Print(const Pieces& pieces) {
  WriteAll(STDOUT_FILENO, pieces, kStandardOutput);
  EndPrinting();
}

void ReplaceFile(const std::string& path, const Pieces& pieces) {
  struct stat status{};
  const bool exists = stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) Fail(path, EISDIR);
  if (exists && !S_ISREG(status.st_mode)) {
    const int descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) Fail(path, errno);
    try {
      WriteAll(descriptor, pieces, path);
    } catch (...) {
      close(descriptor);
      throw;
    }
    CheckClose(descriptor, path);
    return;
  }
  const std::string file = Followed(path);
  TemporaryFile temporary(file);
  WriteAll(temporary.descriptor(), pieces, path);
  temporary.RenameTo(file);
}

}  // namespace pgtls
