// Helpers for all tests: files, directories, ports, waiting.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>

namespace pgtls::support {

// Returns the path of a new, empty directory in memory, or under /tmp where memory has no room. A server's data
// directory is a thousand files, and a disk takes ten times as long to create them. The path is short enough for a Unix
// socket. Throws std::system_error.
std::string MakeScratchDirectory();

// A scratch directory, removed with its contents by the destructor.
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

// Throws std::system_error if the file cannot be read.
std::string ReadFile(const std::string& path);
// Replaces the file, with exactly this mode.
void WriteFile(const std::string& path, const std::string& content, mode_t mode = 0600);

// Returns a TCP port that is free on every address. It is below the range of ephemeral ports, so that no outgoing
// connection uses it before its server starts or while it is down.
int FreePort();

// Polls until `done` returns true; returns false after `limit`. Tests wait for another process only in this way.
bool WaitUntil(const std::function<bool()>& done, std::chrono::milliseconds limit = std::chrono::seconds(30));

// `text` between quotes for libpq's conninfo strings.
std::string Quoted(const std::string& text);

}  // namespace pgtls::support
