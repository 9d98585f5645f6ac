#include "exporter/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "exporter/base/error.h"

namespace pgtls {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Descriptor OpenRegular(const std::string& path, std::int64_t& size) {
  // Opening a FIFO or a device has side effects: a FIFO's writer continues, and its data are lost.
  struct stat before{};
  if (stat(path.c_str(), &before) != 0) throw std::system_error(errno, std::generic_category(), path);
  if (!S_ISREG(before.st_mode)) throw Error(FailureReason::kError, path + ": not a regular file");
  // O_NONBLOCK: it may have become a FIFO after the check.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), path);
  Descriptor file(fd);
  struct stat status{};
  if (fstat(fd, &status) != 0) throw std::system_error(errno, std::generic_category(), path);
  if (!S_ISREG(status.st_mode)) throw Error(FailureReason::kError, path + ": not a regular file");
  size = status.st_size;
  return file;
}

// Up to `most_bytes` from `offset` on.
std::string ReadAt(const Descriptor& file, const std::string& path, std::int64_t offset, std::size_t most_bytes) {
  std::string content;
  std::array<char, 65536> buffer{};
  while (content.size() < most_bytes) {
    const std::size_t wanted = std::min(buffer.size(), most_bytes - content.size());
    const ssize_t got = pread(file.get(), buffer.data(), wanted, offset + static_cast<off_t>(content.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), path);
    if (got == 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return content;
}

}  // namespace

std::string ReadFile(const std::string& path, std::size_t max_bytes) {
  std::int64_t size = 0;
  const Descriptor file = OpenRegular(path, size);
  std::string content = ReadAt(file, path, 0, max_bytes + 1);
  if (content.size() > max_bytes)
    throw Error(FailureReason::kError, path + ": larger than " + std::to_string(max_bytes) + " bytes");
  return content;
}

FilePiece ReadFilePiece(const std::string& path, std::int64_t offset, std::size_t most_bytes) {
  FilePiece piece;
  const Descriptor file = OpenRegular(path, piece.file_size);
  piece.bytes = ReadAt(file, path, offset, most_bytes);
  return piece;
}

void WriteFile(const std::string& path, const std::string& content) {
  const std::string next = path + ".new";
  const auto fail = [&] { throw std::system_error(errno, std::generic_category(), next); };
  unlink(next.c_str());
  {
    const Descriptor file(open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.get() < 0) fail();
    for (std::size_t done = 0; done < content.size();) {
      const ssize_t written = write(file.get(), content.data() + done, content.size() - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      done += static_cast<std::size_t>(written);
    }
    if (fsync(file.get()) != 0) fail();
  }
  if (rename(next.c_str(), path.c_str()) != 0) fail();
}

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(opendir(directory.c_str()), closedir);
  if (handle == nullptr) throw std::system_error(errno, std::generic_category());
  for (;;) {
    errno = 0;
    const dirent* const entry = readdir(handle.get());  // NOLINT(concurrency-mt-unsafe): a handle of its own
    if (entry == nullptr && errno != 0) throw std::system_error(errno, std::generic_category());
    if (entry == nullptr) break;
    names.emplace_back(entry->d_name);
  }
  std::ranges::sort(names);
  return names;
}

std::string ReadPasswordFile(const std::string& path) {
  std::string password = ReadFile(path, 4096);
  const std::size_t line_end = password.ends_with("\r\n") ? 2 : password.ends_with('\n') ? 1 : 0;
  password.resize(password.size() - line_end);
  return password;
}

std::optional<std::string> FileIdentity(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return std::nullopt;
  return fmt::format("{}.{}.{}.{}.{}.{}.{}", status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                     status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

std::string ProblemOf(const std::error_code& error) {
  if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return "missing";
  if (error == std::errc::permission_denied || error == std::errc::operation_not_permitted) return "permission_denied";
  return "unreadable";
}

}  // namespace pgtls
