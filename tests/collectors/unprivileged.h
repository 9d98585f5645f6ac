// Permissions as everyone but root meets them.
#pragma once

#include <unistd.h>

namespace pgtls::collectors {

// While this lives the process is nobody, where it was root (which no permission stops); all its threads are.
class Unprivileged {
 public:
  Unprivileged() : user_(geteuid()) {
    if (user_ == 0) changed_ = seteuid(kNobody) == 0;
  }
  ~Unprivileged() {
    if (changed_ && seteuid(user_) != 0) _exit(1);  // nothing after this would be what it says it is
  }
  Unprivileged(const Unprivileged&) = delete;
  Unprivileged& operator=(const Unprivileged&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  uid_t user_;
  bool changed_ = false;
};

}  // namespace pgtls::collectors
