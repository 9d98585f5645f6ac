#include "exporter/tls/server_access.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

namespace pgtls::tls {
namespace {

constexpr int kMaxLinks = 40;  // as Linux
constexpr mode_t kRead = 4;
constexpr mode_t kSearch = 1;

// Groups beyond the owner's bits count only if there is no access control list.
bool HasAccessList(const std::string& path) {
  const ssize_t size = getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0);
  return size >= 0 || (errno != ENODATA && errno != ENOTSUP);
}

// nullopt: not known.
std::optional<bool> May(const ServerUser& user, const std::string& path, const struct stat& status, mode_t wanted) {
  if (user.uid == 0) return std::nullopt;  // no server runs as root
  if (status.st_uid == user.uid) return ((status.st_mode >> 6) & wanted) == wanted;
  if (HasAccessList(path)) return std::nullopt;
  const bool of_group = ((status.st_mode >> 3) & wanted) == wanted;
  const bool of_others = (status.st_mode & wanted) == wanted;
  if (of_group == of_others) return of_group;
  if (user.groups.empty()) return std::nullopt;
  std::optional<bool> answer;
  for (const std::set<gid_t>& groups : user.groups) {
    const bool may = groups.contains(status.st_gid) ? of_group : of_others;
    if (answer && answer != may) return std::nullopt;
    answer = may;
  }
  return answer;
}

// In a sticky directory only the owner of a file may replace it. The bits of the group are the mask of an access
// control list, too.
bool OthersMayReplace(const struct stat& directory) {
  if ((directory.st_mode & S_ISVTX) != 0) return false;
  return (directory.st_mode & S_IWOTH) != 0 || ((directory.st_mode & S_IWGRP) != 0 && directory.st_gid != 0);
}

bool LinksAreProtected() {
  std::ifstream in("/proc/sys/fs/protected_symlinks");
  char value = '1';  // as distributions set it
  in >> value;
  return value != '0';
}

// Linux follows no link in a sticky directory that anybody may write to, but for its owner's and the directory's.
bool MayFollow(const ServerUser& user, const struct stat& link, const struct stat& directory) {
  constexpr mode_t kShared = S_ISVTX | S_IWOTH;
  if ((directory.st_mode & kShared) != kShared) return true;
  return link.st_uid == user.uid || link.st_uid == directory.st_uid || !LinksAreProtected();
}

std::optional<std::string> LinkTarget(const std::string& path) {
  std::array<char, 4096> buffer{};
  const ssize_t size = readlink(path.c_str(), buffer.data(), buffer.size());
  if (size < 0 || static_cast<std::size_t>(size) == buffer.size()) return std::nullopt;
  return std::string(buffer.data(), static_cast<std::size_t>(size));
}

class Walk {
 public:
  Walk(const ServerUser& user, std::string path) : user_(user), rest_(std::move(path)) {}

  FileAccess Run() {
    if (!Enter("/")) return result_;
    while (const auto name = Next()) {
      if (*name == "." || *name == "..") {
        if (*name == "..") Up();
        if (!Enter(directory_)) return result_;
        continue;
      }
      const std::string path = directory_ == "/" ? "/" + *name : directory_ + "/" + *name;
      struct stat status{};
      if (lstat(path.c_str(), &status) != 0) return Blind(errno);
      if (S_ISLNK(status.st_mode)) {
        if (!Follow(path, status)) return result_;
      } else if (AtEnd()) {
        return File(path, status);
      } else if (!S_ISDIR(status.st_mode)) {
        return Fail("missing");
      } else if (!Enter(path)) {
        return result_;
      }
    }
    return Fail("other");  // a directory alone
  }

 private:
  bool AtEnd() const { return rest_.empty(); }

  std::optional<std::string> Next() {
    rest_.erase(0, rest_.find_first_not_of('/'));
    if (rest_.empty()) return std::nullopt;
    std::string name = rest_.substr(0, rest_.find('/'));
    rest_.erase(0, name.size());
    return name;
  }

  void Up() {
    directory_.erase(directory_.rfind('/'));
    if (directory_.empty()) directory_ = "/";
  }

  // Into a directory, which both the server and this process must be able to search.
  bool Enter(const std::string& path) {
    if (stat(path.c_str(), &entered_) != 0) {
      Blind(errno);
      return false;
    }
    directory_ = path;
    const SharedDirectory here = {path, entered_.st_mode & 07777};
    auto& shared = result_.shared_directories;
    if (OthersMayReplace(entered_) && std::ranges::find(shared, here) == shared.end()) shared.push_back(here);
    Search(May(user_, path, entered_, kSearch));
    return result_.problem.empty();
  }

  void Search(std::optional<bool> may) {
    if (may == false) {
      Fail("permission_denied");
    } else if (!may) {
      certain_ = false;
    }
  }

  bool Follow(const std::string& path, const struct stat& link) {
    const auto target = LinkTarget(path);
    if (!target || ++links_ > kMaxLinks) {
      Fail("other");
      return false;
    }
    if (!MayFollow(user_, link, entered_)) {
      Fail("permission_denied");
      return false;
    }
    rest_ = *target + (rest_.empty() ? "" : "/" + rest_);
    return !target->starts_with('/') || Enter("/");
  }

  FileAccess File(const std::string& path, const struct stat& status) {
    result_.status = status;
    const auto may = May(user_, path, status, kRead);
    if (may == false) return Fail("permission_denied");
    if (certain_ && may == true) result_.readable = true;
    if (!result_.readable && OwnAccessIsProof() && access(path.c_str(), R_OK) != 0) return Fail("permission_denied");
    return result_;
  }

  // This process cannot continue.
  FileAccess Blind(int error) {
    if (error == ENOENT || error == ENOTDIR) return Fail("missing");
    if (error == ELOOP || error == ENAMETOOLONG) return Fail("other");
    if (error == EACCES && !certain_ && OwnAccessIsProof()) return Fail("permission_denied");
    return result_;
  }

  bool OwnAccessIsProof() const { return geteuid() == user_.uid && geteuid() != 0; }

  FileAccess Fail(std::string problem) {
    result_.readable = false;
    result_.problem = std::move(problem);
    return result_;
  }

  const ServerUser& user_;
  std::string rest_;
  std::string directory_ = "/";
  struct stat entered_{};
  int links_ = 0;
  bool certain_ = true;  // the server may search every directory up to here
  FileAccess result_;
};

std::optional<std::set<gid_t>> GroupsOfUser(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(65536, '\0');
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return std::nullopt;
  int count = 1024;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (getgrouplist(found->pw_name, found->pw_gid, groups.data(), &count) < 0) return std::nullopt;
  return std::set<gid_t>(groups.begin(), groups.begin() + count);
}

// Of a process of that user; nullopt if it does not exist or is another user's.
std::optional<std::set<gid_t>> GroupsOfProcess(uid_t uid, pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  std::set<gid_t> groups;
  bool has_uid = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    std::vector<unsigned> numbers;
    for (unsigned number = 0; words >> number;) numbers.push_back(number);
    if (name == "Uid:") has_uid = numbers.size() > 1 && numbers[1] == uid;
    if (name == "Gid:" && numbers.size() > 1) groups.insert(numbers[1]);
    if (name == "Groups:") groups.insert(numbers.begin(), numbers.end());
  }
  return has_uid ? std::optional(groups) : std::nullopt;
}

}  // namespace

ServerUser ServerUserOf(uid_t uid, pid_t pid) {
  ServerUser user{.uid = uid, .groups = {}};
  if (auto groups = GroupsOfUser(uid)) user.groups.push_back(std::move(*groups));
  if (pid > 0) {
    if (auto groups = GroupsOfProcess(uid, pid)) user.groups.push_back(std::move(*groups));
  }
  return user;
}

std::optional<ServerUser> ServerUserOf(const std::string& data_directory, pid_t pid) {
  struct stat status{};
  if (stat(data_directory.c_str(), &status) != 0) return std::nullopt;
  return ServerUserOf(status.st_uid, pid);
}

FileAccess AccessOf(const ServerUser& user, const std::string& path) { return Walk(user, path).Run(); }

}  // namespace pgtls::tls
