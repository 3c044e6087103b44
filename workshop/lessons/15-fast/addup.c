#include "py/dynruntime.h"

static mp_obj_t add_up(mp_obj_t bytes) {
    mp_buffer_info_t buffer;
    mp_get_buffer_raise(bytes, &buffer, MP_BUFFER_READ);
    const uint8_t *at = buffer.buf;
    mp_uint_t sum = 0;
    for (size_t i = 0; i < buffer.len; i++) {
        sum += at[i];
    }
    return mp_obj_new_int_from_uint(sum);
}
static MP_DEFINE_CONST_FUN_OBJ_1(add_up_obj, add_up);

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    MP_DYNRUNTIME_INIT_ENTRY
    mp_store_global(MP_QSTR_add_up, MP_OBJ_FROM_PTR(&add_up_obj));
    MP_DYNRUNTIME_INIT_EXIT
}
