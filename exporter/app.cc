#include "exporter/app.h"
