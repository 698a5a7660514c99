# One Node-API binary for every Node.js from 20 on. -O3 comes with node-gyp's Release configuration. No -march: kernels
# choose their instructions at run time.
# A clone (it has src/) is built with warnings as errors; an installed package is not, so that a compiler newer
# than this release cannot break an installation.
{
  'variables': {
    'is_clone%': '<!(node -p "require(\'node:fs\').existsSync(\'src\') ? 1 : 0")'
  },
  'targets': [
    {
      'target_name': 'hotsocket',
      'sources': [
        'native/binding/addon.cc',
        'native/binding/byte-kernels.cc',
        'native/binding/deflater-class.cc',
        'native/binding/inflater-class.cc',
        'native/binding/zlib-kernels.cc',
        'native/kernels/deflater.cc',
        'native/kernels/inflater.cc',
        'native/kernels/mask.cc',
        'native/kernels/scanner.cc',
        'native/kernels/utf8-decode.cc',
        'native/kernels/utf8-neon.cc',
        'native/kernels/utf8-x86.cc',
        'native/kernels/utf8.cc',
        'native/kernels/zlib-api.cc'
      ],
      'include_dirs': ['native'],
      'defines': ['NAPI_VERSION=8'],
      'cflags': ['-fvisibility=hidden', '-Wall', '-Wextra'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fvisibility-inlines-hidden'],
      'xcode_settings': {
        'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
        'CLANG_CXX_LIBRARY': 'libc++',
        'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
        'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
        'MACOSX_DEPLOYMENT_TARGET': '11.0',
        'WARNING_CFLAGS': ['-Wall', '-Wextra']
      },
      'msvs_settings': {
        'VCCLCompilerTool': {
          'AdditionalOptions!': ['-std:c++17', '/std:c++17'],
          'AdditionalOptions': ['/std:c++20'],
          'ExceptionHandling': 0
        }
      },
      'conditions': [
        ['OS=="linux"', {
          'sources': [
            'native/binding/engine-binding.cc',
            'native/binding/engine-host.cc',
            'native/binding/no-unwinder.cc',
            'native/binding/port-binding.cc',
            'native/binding/row-texts.cc',
            'native/binding/text-stage.cc',
            'native/binding/uv-watch.cc',
            'native/binding/wake-thread.cc',
            'native/kernels/text-frames.cc',
            'native/engine/engine-accept.cc',
            'native/engine/engine-read.cc',
            'native/engine/engine-write.cc',
            'native/engine/engine.cc',
            'native/engine/outgoing.cc',
            'native/engine/socket-address.cc',
            'native/engine/poller.cc',
            'native/engine/shared-port.cc'
          ],
          # Only symbols of libc remain, so that old distributions load the prebuild.
          'ldflags': ['-static-libstdc++', '-static-libgcc', '-Wl,--exclude-libs,ALL', '-Wl,--gc-sections'],
          'cflags_cc': ['-ffunction-sections', '-fdata-sections'],
        }],
        ['OS=="win"', {
          'defines': ['NOMINMAX', 'WIN32_LEAN_AND_MEAN', '_HAS_EXCEPTIONS=0']
        }],
        ['OS=="linux" and clang==0', {
          # GCC 12 warns of its own AVX-512 intrinsics (its bug 105593).
          'cflags': ['-Wno-maybe-uninitialized']
        }],
        ['is_clone==1', {
          'cflags': ['-Werror'],
          'xcode_settings': { 'GCC_TREAT_WARNINGS_AS_ERRORS': 'YES' },
          'msvs_settings': { 'VCCLCompilerTool': { 'WarnAsError': 'true' } }
        }]
      ]
    }
  ]
}
