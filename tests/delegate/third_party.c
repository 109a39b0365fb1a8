/* A delegate as a third party would write it, from the published C interface alone: it computes SOFTMAX.
 * For tests; never shipped.
 *
 * Options: `gain` (a number, 1 by default) multiplies what goes into the softmax. Any other is refused.
 * Layouts: tflite/core/c/common.h and builtin_op_data.h of LiteRT 2.2; numbers: tflite/schema/schema.fbs. */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, ERROR = 1 };
enum { FLOAT32 = 1, UINT8 = 3, INT8 = 9 };
enum { SOFTMAX = 25 };
enum { ALLOW_DYNAMIC_TENSORS = 1 };

typedef struct {
  int size;
  int data[];
} IntArray;

typedef struct {
  int type;
  void *data;
  IntArray *dims;
  struct {
    float scale;
    int32_t zero_point;
  } quantization;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  struct Delegate *delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct {
    int type;
    void *params;
  } all_quantization;
  void *sparsity;
  const IntArray *dims_signature;
} Tensor;

typedef struct {
  IntArray *inputs, *outputs, *intermediates, *temporaries;
  void *user_data;
  const void *builtin_data; /* of a SOFTMAX: its beta, a float */
} Node; /* the rest is not read, and the runtime allocates it */

typedef struct Context Context;

typedef struct {
  void *(*init)(Context *, const char *, size_t);
  void (*free)(Context *, void *);
  int (*prepare)(Context *, Node *);
  int (*invoke)(Context *, Node *);
  const char *(*profiling_string)(const Context *, const Node *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *external;
  void *async_kernel;
  uint64_t inplace_operator;
} Registration;

typedef struct Delegate {
  void *data;
  int (*prepare)(Context *, struct Delegate *);
  void *copy_from_buffer, *copy_to_buffer, *free_buffer;
  int64_t flags;
  void *opaque_delegate_builder;
} Delegate;

struct Context {
  size_t tensors_size;
  int (*execution_plan)(Context *, IntArray **);
  Tensor *tensors;
  void *implementation;
  int (*resize_tensor)(Context *, Tensor *, IntArray *);
  void (*report_error)(Context *, const char *, ...);
  int (*add_tensors)(Context *, int, int *);
  int (*node_and_registration)(Context *, int, Node **, Registration **);
  int (*replace_nodes)(Context *, Registration, const IntArray *, Delegate *);
}; /* the rest is not used, and the runtime allocates it */

typedef struct {
  Delegate *delegate;
  IntArray *nodes, *inputs, *outputs;
} DelegateParams;

_Static_assert(sizeof(Tensor) == 112, "an array of them is indexed");
_Static_assert(sizeof(Registration) == 88, "passed by value");
_Static_assert(sizeof(Delegate) == 56, "read by the runtime");
_Static_assert(offsetof(Context, replace_nodes) == 64, "called");

/* The SOFTMAX nodes that one kernel stands for. */
typedef struct {
  float gain;
  int count;
  struct {
    int input, output;
    float beta;
  } nodes[];
} Kernel;

static float read(const Tensor *tensor, size_t i) {
  switch (tensor->type) {
    case UINT8:
      return tensor->quantization.scale *
             (((const uint8_t *)tensor->data)[i] - tensor->quantization.zero_point);
    case INT8:
      return tensor->quantization.scale *
             (((const int8_t *)tensor->data)[i] - tensor->quantization.zero_point);
    default:
      return ((const float *)tensor->data)[i];
  }
}

static void write(Tensor *tensor, size_t i, float value) {
  if (tensor->type == FLOAT32) {
    ((float *)tensor->data)[i] = value;
    return;
  }
  float low = tensor->type == INT8 ? -128 : 0;
  float quantized = roundf(value / tensor->quantization.scale) + tensor->quantization.zero_point;
  quantized = fminf(fmaxf(quantized, low), low + 255);
  if (tensor->type == INT8)
    ((int8_t *)tensor->data)[i] = (int8_t)quantized;
  else
    ((uint8_t *)tensor->data)[i] = (uint8_t)quantized;
}

/* exp(factor * x) over its sum, along the last dimension. */
static void softmax(const Tensor *input, Tensor *output, float factor) {
  size_t depth = input->dims->data[input->dims->size - 1];
  size_t elements = input->bytes / (input->type == FLOAT32 ? sizeof(float) : 1);
  for (size_t row = 0; row + depth <= elements; row += depth) {
    float greatest = -INFINITY, sum = 0;
    for (size_t i = row; i < row + depth; i++) greatest = fmaxf(greatest, factor * read(input, i));
    for (size_t i = row; i < row + depth; i++) sum += expf(factor * read(input, i) - greatest);
    for (size_t i = row; i < row + depth; i++)
      write(output, i, expf(factor * read(input, i) - greatest) / sum);
  }
}

static void *kernel_init(Context *context, const char *buffer, size_t length) {
  (void)length;
  const DelegateParams *params = (const DelegateParams *)buffer;
  Kernel *kernel = malloc(sizeof *kernel + params->nodes->size * sizeof *kernel->nodes);
  if (!kernel) return NULL;
  kernel->gain = *(const float *)params->delegate->data;
  kernel->count = params->nodes->size;
  for (int i = 0; i < kernel->count; i++) {
    Node *node;
    Registration *registration;
    if (context->node_and_registration(context, params->nodes->data[i], &node, &registration) != OK) {
      free(kernel);
      return NULL;
    }
    kernel->nodes[i].input = node->inputs->data[0];
    kernel->nodes[i].output = node->outputs->data[0];
    kernel->nodes[i].beta = *(const float *)node->builtin_data;
  }
  return kernel;
}

static void kernel_free(Context *context, void *kernel) {
  (void)context;
  free(kernel);
}

static int kernel_invoke(Context *context, Node *node) {
  const Kernel *kernel = node->user_data;
  if (!kernel) {
    context->report_error(context, "third party: no memory");
    return ERROR;
  }
  for (int i = 0; i < kernel->count; i++)
    softmax(&context->tensors[kernel->nodes[i].input], &context->tensors[kernel->nodes[i].output],
            kernel->gain * kernel->nodes[i].beta);
  return OK;
}

static bool supported(const Context *context, const Node *node, const Registration *registration) {
  if (registration->builtin_code != SOFTMAX) return false;
  const Tensor *input = &context->tensors[node->inputs->data[0]];
  const Tensor *output = &context->tensors[node->outputs->data[0]];
  return input->type == output->type && input->dims->size > 0 &&
         (input->type == FLOAT32 || input->type == UINT8 || input->type == INT8);
}

static int prepare(Context *context, Delegate *delegate) {
  IntArray *plan;
  if (context->execution_plan(context, &plan) != OK) return ERROR;
  IntArray *claimed = malloc(sizeof *claimed + plan->size * sizeof(int));
  if (!claimed) return ERROR;
  claimed->size = 0;
  int status = OK;
  for (int i = 0; i < plan->size && status == OK; i++) {
    Node *node;
    Registration *registration;
    status = context->node_and_registration(context, plan->data[i], &node, &registration);
    if (status == OK && supported(context, node, registration))
      claimed->data[claimed->size++] = plan->data[i];
  }
  Registration kernel = {.init = kernel_init,
                         .free = kernel_free,
                         .invoke = kernel_invoke,
                         .custom_name = "third party",
                         .version = 1};
  if (status == OK) status = context->replace_nodes(context, kernel, claimed, delegate);
  free(claimed);
  return status;
}

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                        void (*report_error)(const char *)) {
  float gain = 1;
  for (size_t i = 0; i < count; i++) {
    char *end = values[i];
    if (strcmp(keys[i], "gain") == 0) gain = strtof(values[i], &end);
    if (end == values[i] || *end) {
      if (report_error) report_error("third party: the only option is gain, a number");
      return NULL;
    }
  }
  Delegate *delegate = calloc(1, sizeof *delegate);
  float *data = malloc(sizeof *data);
  if (!delegate || !data) {
    free(delegate);
    free(data);
    if (report_error) report_error("third party: no memory");
    return NULL;
  }
  *data = gain;
  delegate->data = data;
  delegate->prepare = prepare;
  delegate->flags = ALLOW_DYNAMIC_TENSORS;
  return delegate;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) {
  if (!delegate) return;
  free(delegate->data);
  free(delegate);
}
