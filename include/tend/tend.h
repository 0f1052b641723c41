/* tend/tend.h - all of libtend. */
#ifndef TEND_H
#define TEND_H

#include "tend/base.h"
#include "tend/io.h"
#include "tend/process.h"
#include "tend/registry.h"
#include "tend/runtime.h"
#include "tend/scope.h"
#include "tend/service.h"
#include "tend/supervise.h"
#include "tend/sync.h"
#include "tend/task.h"
#include "tend/text.h"

#endif
