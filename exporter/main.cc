#include "exporter/app.h"
int main() { return 0; }
