// `hostlink`: what this board has in place of a radio.
//
// hostlink.Link(port) is a stream to a TCP server on the loopback of the emulator's host. It is a
// C type with the stream protocol, as a socket is on a board with a radio: the same methods, the
// same errors, and as little C stack below TLS. The peripheral behind it exists only in the
// emulator (rp2040.mjs): writing a port connects, writing 0 hangs up, bytes come in no time.

#include "py/runtime.h"
#include "py/stream.h"
#include "py/mperrno.h"
#include "py/mphal.h"

#define LINK_BASE (0x40070000)
#define LINK_PORT (*(volatile uint32_t *)(LINK_BASE + 0x00))
#define LINK_STATUS (*(volatile uint32_t *)(LINK_BASE + 0x04))
#define LINK_DATA (*(volatile uint32_t *)(LINK_BASE + 0x08))
#define LINK_CYCLES_LOW (*(volatile uint32_t *)(LINK_BASE + 0x0c))
#define LINK_CYCLES_HIGH (*(volatile uint32_t *)(LINK_BASE + 0x10))
#define LINK_NUMBER (*(volatile uint32_t *)(LINK_BASE + 0x14)) // Of the connection, from 1.
#define LINK_WAIT (*(volatile uint32_t *)(LINK_BASE + 0x18)) // Reading it: nothing to do but wait.

#define STATUS_OPEN (1) // Connected, or bytes wait that came before the end.
#define STATUS_READABLE (2)
#define STATUS_REFUSED (4)

#define FOREVER ((mp_uint_t)-1)

typedef struct _link_obj_t {
    mp_obj_base_t base;
    uint32_t number; // 0: closed.
    mp_uint_t timeout_ms;
} link_obj_t;

// There is one link: a newer one has ended this one, and its finaliser must not end the newer.
static bool is_open(const link_obj_t *self) {
    return self->number && self->number == LINK_NUMBER;
}

static mp_obj_t link_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    link_obj_t *self = mp_obj_malloc_with_finaliser(link_obj_t, type);
    self->timeout_ms = FOREVER;
    self->number = 0;
    LINK_PORT = mp_obj_get_int(args[0]);
    while (!(LINK_STATUS & (STATUS_OPEN | STATUS_REFUSED))) {
        mp_event_handle_nowait();
    }
    if (LINK_STATUS & STATUS_REFUSED) {
        mp_raise_OSError(MP_ECONNREFUSED);
    }
    self->number = LINK_NUMBER;
    return MP_OBJ_FROM_PTR(self);
}

static mp_uint_t link_read(mp_obj_t self_in, void *buf, mp_uint_t size, int *errcode) {
    link_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (!is_open(self)) {
        *errcode = MP_EBADF;
        return MP_STREAM_ERROR;
    }
    mp_uint_t start = mp_hal_ticks_ms();
    for (;;) {
        uint32_t status = LINK_STATUS;
        if (status & STATUS_READABLE) {
            break;
        }
        if (!(status & STATUS_OPEN)) {
            return 0;
        }
        if (self->timeout_ms != FOREVER && mp_hal_ticks_ms() - start >= self->timeout_ms) {
            *errcode = self->timeout_ms ? MP_ETIMEDOUT : MP_EAGAIN;
            return MP_STREAM_ERROR;
        }
        (void)LINK_WAIT;
        mp_event_handle_nowait();
    }
    mp_uint_t count = 0;
    uint8_t *bytes = buf;
    do {
        bytes[count++] = LINK_DATA;
    } while (count < size && (LINK_STATUS & STATUS_READABLE));
    return count;
}

static mp_uint_t link_write(mp_obj_t self_in, const void *buf, mp_uint_t size, int *errcode) {
    link_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (!is_open(self)) {
        *errcode = MP_EBADF;
        return MP_STREAM_ERROR;
    }
    if (!(LINK_STATUS & STATUS_OPEN)) {
        *errcode = MP_ECONNRESET;
        return MP_STREAM_ERROR;
    }
    const uint8_t *bytes = buf;
    for (mp_uint_t i = 0; i < size; i++) {
        LINK_DATA = bytes[i];
    }
    return size;
}

static mp_uint_t link_ioctl(mp_obj_t self_in, mp_uint_t request, uintptr_t arg, int *errcode) {
    link_obj_t *self = MP_OBJ_TO_PTR(self_in);
    if (request == MP_STREAM_POLL) {
        if (!is_open(self)) {
            return MP_STREAM_POLL_NVAL;
        }
        uint32_t status = LINK_STATUS;
        mp_uint_t ready = arg & MP_STREAM_POLL_WR;
        if (status & STATUS_READABLE || !(status & STATUS_OPEN)) {
            ready |= arg & MP_STREAM_POLL_RD;
        } else if (!ready) {
            (void)LINK_WAIT;
        }
        return ready;
    }
    if (request == MP_STREAM_CLOSE) {
        if (is_open(self)) {
            LINK_PORT = 0;
        }
        self->number = 0;
        return 0;
    }
    *errcode = MP_EINVAL;
    return MP_STREAM_ERROR;
}

static mp_obj_t link_settimeout(mp_obj_t self_in, mp_obj_t seconds) {
    link_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->timeout_ms = seconds == mp_const_none ? FOREVER : (mp_uint_t)(mp_obj_get_float(seconds) * 1000);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(link_settimeout_obj, link_settimeout);

static mp_obj_t link_setblocking(mp_obj_t self_in, mp_obj_t flag) {
    link_obj_t *self = MP_OBJ_TO_PTR(self_in);
    self->timeout_ms = mp_obj_is_true(flag) ? FOREVER : 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(link_setblocking_obj, link_setblocking);

static const mp_rom_map_elem_t link_locals_dict_table[] = {
    { MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&mp_stream_close_obj) },
    { MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&mp_stream_close_obj) },
    { MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj) },
    { MP_ROM_QSTR(MP_QSTR_readline), MP_ROM_PTR(&mp_stream_unbuffered_readline_obj) },
    { MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_settimeout), MP_ROM_PTR(&link_settimeout_obj) },
    { MP_ROM_QSTR(MP_QSTR_setblocking), MP_ROM_PTR(&link_setblocking_obj) },
};
static MP_DEFINE_CONST_DICT(link_locals_dict, link_locals_dict_table);

static const mp_stream_p_t link_stream = {
    .read = link_read,
    .write = link_write,
    .ioctl = link_ioctl,
};

static MP_DEFINE_CONST_OBJ_TYPE(
    link_type,
    MP_QSTR_Link,
    MP_TYPE_FLAG_NONE,
    make_new, link_make_new,
    protocol, &link_stream,
    locals_dict, &link_locals_dict
    );

// hostlink.micros(): emulated time since power on, from the processor's cycle counter. Waiting for
// the host does not count.
static mp_obj_t hostlink_micros(void) {
    uint32_t low = LINK_CYCLES_LOW; // Latches the high half.
    uint64_t cycles = (uint64_t)LINK_CYCLES_HIGH << 32 | low;
    return mp_obj_new_int_from_ull(cycles / 125);
}
static MP_DEFINE_CONST_FUN_OBJ_0(hostlink_micros_obj, hostlink_micros);

static const mp_rom_map_elem_t hostlink_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_hostlink) },
    { MP_ROM_QSTR(MP_QSTR_Link), MP_ROM_PTR(&link_type) },
    { MP_ROM_QSTR(MP_QSTR_micros), MP_ROM_PTR(&hostlink_micros_obj) },
};
static MP_DEFINE_CONST_DICT(hostlink_globals, hostlink_globals_table);

const mp_obj_module_t hostlink_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&hostlink_globals,
};

MP_REGISTER_MODULE(MP_QSTR_hostlink, hostlink_module);
