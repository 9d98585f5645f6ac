// May the operating system user of a server read a file? Computed from owners, groups and modes, without becoming it.
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
  // Its groups, the primary one among them: by the user database, which most ways to start a server ask, and those of
  // the running server. Where they lead to different answers, neither is believed. Empty: not known.
  std::vector<std::set<gid_t>> groups;
};

// The user `uid` with its groups; `pid`: its running server, 0 where there is none to look at. Blocks.
ServerUser ServerUserOf(uid_t uid, pid_t pid);
// The owner of its data directory, as whom a server runs. nullopt: the directory is not visible. Blocks.
std::optional<ServerUser> ServerUserOf(const std::string& data_directory, pid_t pid);

struct FileAccess {
  // Of the path as the server will find it: `missing`, `permission_denied`, `other` (a loop of links); else empty.
  std::string problem;
  // May the server open it for reading? Absent: this process cannot see enough, or an access control list decides.
  std::optional<bool> readable;
  std::optional<struct stat> status;  // of the file itself
};

// Follows `path` (absolute) through every directory and link. Blocks.
FileAccess AccessOf(const ServerUser& user, const std::string& path);

}  // namespace pgtls::tls
