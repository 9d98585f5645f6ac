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

#include "exporter/base/error.h"

namespace pgtls {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string ReadFile(const std::string& path, std::size_t max_bytes) {
  // Opening a FIFO or a device has side effects: a FIFO's writer continues, and its data are lost.
  struct stat before{};
  if (stat(path.c_str(), &before) != 0) throw std::system_error(errno, std::generic_category(), path);
  if (!S_ISREG(before.st_mode)) throw Error(FailureReason::kError, path + ": not a regular file");
  // O_NONBLOCK: it may have become a FIFO after the check.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) throw std::system_error(errno, std::generic_category(), path);
  struct stat status{};
  if (fstat(file.get(), &status) != 0) throw std::system_error(errno, std::generic_category(), path);
  if (!S_ISREG(status.st_mode)) throw Error(FailureReason::kError, path + ": not a regular file");
  std::string content;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), path);
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > max_bytes)
      throw Error(FailureReason::kError, path + ": larger than " + std::to_string(max_bytes) + " bytes");
  }
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
