// Whether the operating system user of a server may read a file: computed from owners, groups and modes, without
// becoming that user.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace pgtls::tls {

struct ServerUser {
  uid_t uid = 0;
  // Its groups, including the primary one: by the user database, which most ways to start a server use, and those of
  // the running server. If they lead to different answers, the answer is unknown. Empty: not known.
  std::vector<std::set<gid_t>> groups;
};

// The user `uid` with its groups; `pid`: its running server, or 0. Blocks.
ServerUser ServerUserOf(uid_t uid, pid_t pid);
// The owner of its data directory: a server runs as this user. nullopt: the directory is not visible. Blocks.
std::optional<ServerUser> ServerUserOf(const std::string& data_directory, pid_t pid);

// A directory in which others than its owner may replace files.
struct SharedDirectory {
  std::string path;
  mode_t mode = 0;  // the permission bits
  friend bool operator==(const SharedDirectory&, const SharedDirectory&) = default;
};

struct FileAccess {
  // Of the path as the server will find it: `missing`, `permission_denied`, `other` (a loop of links); else empty.
  std::string problem;
  // Whether the server may open it for reading. Absent: this process cannot see enough, or an access control list
  // decides.
  std::optional<bool> readable;
  std::optional<struct stat> status;  // of the file itself
  // Those on the way to the file, each once: a group other than root's, or everybody, may write to them, and they are
  // not sticky. All of them are known if `status` is.
  std::vector<SharedDirectory> shared_directories;
};

// Follows `path` (absolute) through every directory and link. Blocks.
FileAccess AccessOf(const ServerUser& user, const std::string& path);

}  // namespace pgtls::tls
