#include <fcntl.h>

#include "exporter/app.h"

int main(int argc, char** argv) {
  // A standard stream that is closed at start would otherwise be the next file or socket that is opened, and log lines
  // would go there. Read-only, so that what is written to it fails instead of vanishing: open() takes the lowest free
  // descriptor.
  for (const int descriptor : {0, 1, 2}) {
    if (fcntl(descriptor, F_GETFD) == -1 && open("/dev/null", O_RDONLY) != descriptor) return 1;
  }
  return pgtls::RunApp(argc, argv);
}
