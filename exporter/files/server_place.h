// Whether the file system of this process is the server's. A sidecar may share a server's Unix socket and nothing else.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace pgtls::files {

// What the server reports about itself, and its socket.
struct ServerTraits {
  std::string data_directory;
  std::string port;
  double start_time = 0;              // pg_postmaster_start_time(), seconds since 1970
  std::optional<pid_t> listener_pid;  // that listens on its Unix socket; 0: in another pid namespace; absent over TCP
};

class ServerPlace {
 public:
  // Blocks.
  static ServerPlace Find(const ServerTraits& traits);
  // By the paths of a process's files; 0: the configuration declares that the server is on this machine.
  static ServerPlace OfProcess(pid_t process);

  // Empty: the data directory is the server's. Otherwise the reason why this machine's files are not the server's.
  const std::string& problem() const { return problem_; }
  // Whether an absolute path leads to the same file here as in the server. Blocks.
  bool Holds(const std::string& path) const;
  // The postmaster's pid in this process's pid namespace; 0: not visible.
  pid_t postmaster() const { return postmaster_; }

 private:
  std::string problem_;
  std::string data_directory_;
  bool shared_root_ = false;
  pid_t postmaster_ = 0;
};

}  // namespace pgtls::files
