// Bytes under a path, for functions of OpenSSL that accept only a path.
#pragma once

#include <string>
#include <string_view>

namespace pgtls::tls {

// An anonymous file in memory, removed by the destructor. Its path is valid in this process only.
class MemoryFile {
 public:
  // Throws std::system_error.
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  int fd_;
  std::string path_;
};

}  // namespace pgtls::tls
