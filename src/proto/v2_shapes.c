// SPDX-License-Identifier: MIT
#include "proto/v2_shapes.h"

CL_V2_SHAPE_MAP(CL_SHAPE_DEFINE)

const struct cl_shape cl_v2_nothing_shape = {.size = sizeof(struct cl_v2_nothing)};
