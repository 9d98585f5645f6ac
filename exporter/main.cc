#include "exporter/app.h"

int main(int argc, char** argv) { return pgtls::RunApp(argc, argv); }
