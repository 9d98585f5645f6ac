// Small things that every test needs: files, directories, ports, waiting.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>

namespace pgtls::support {

// A directory of its own under /tmp, removed with all that is in it. The path is short, so that a Unix socket fits.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  // Writes a file below it and returns its path.
  std::string Write(const std::string& name, const std::string& content, mode_t mode = 0600) const;

 private:
  std::string path_;
};

// Throws std::system_error where the file cannot be read.
std::string ReadFile(const std::string& path);
// Replaces the file, with exactly this mode.
void WriteFile(const std::string& path, const std::string& content, mode_t mode = 0600);

// A TCP port on which nobody listens on any address. It lies below the range of ephemeral ports, so that no outgoing
// connection takes it before (or while) its server is down.
int FreePort();

// Polls until `done` holds; false when it did not within `limit`. The only way in which tests wait for another process.
bool WaitUntil(const std::function<bool()>& done, std::chrono::milliseconds limit = std::chrono::seconds(30));

// `text` between quotes for libpq's conninfo strings.
std::string Quoted(const std::string& text);

}  // namespace pgtls::support
