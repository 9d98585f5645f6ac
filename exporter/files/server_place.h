// Is the file system that this process sees the server's? A sidecar may share a server's Unix socket and nothing else.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace pgtls::files {

// What the server says of itself, and the socket of it.
struct ServerTraits {
  std::string data_directory;
  std::string port;
  double start_time = 0;              // pg_postmaster_start_time(), seconds since 1970
  std::optional<pid_t> listener_pid;  // who listens on its Unix socket, 0: in another pid namespace; absent over TCP
};

class ServerPlace {
 public:
  // Blocks.
  static ServerPlace Find(const ServerTraits& traits);
  // Of a process that this one sees, by the path of each file; 0: somebody has said that it is this machine.
  static ServerPlace OfProcess(pid_t process);

  // Empty: the data directory is the server's. Else why files here say nothing of it.
  const std::string& problem() const { return problem_; }
  // Is what stands here under an absolute path what the server finds there? Blocks.
  bool Holds(const std::string& path) const;
  // The postmaster as this process sees it; 0: it does not.
  pid_t postmaster() const { return postmaster_; }

 private:
  std::string problem_;
  std::string data_directory_;
  bool shared_root_ = false;
  pid_t postmaster_ = 0;
};

}  // namespace pgtls::files
