#!/bin/sh
# Makes ./root: Python with numpy from Debian's packages, and this app's source. Needs apt-get and dpkg-deb (any Debian 12), a network,
# and no rights. packages.sha256 is written the first time; later the same packages are asked for, and others are refused.
set -eu
cd "$(dirname "$0")"
packages="libc6 zlib1g libexpat1 libgcc-s1 libstdc++6 libpython3.11-minimal libpython3.11-stdlib python3.11-minimal \
  libblas3 liblapack3 libgfortran5 libquadmath0 libffi8 libssl3 libbz2-1.0 liblzma5 python3-numpy"
mkdir -p debs
(cd debs && for package in $packages; do ls "$package"_*.deb >/dev/null 2>&1 || apt-get download -q "$package"; done)
if [ -f packages.sha256 ]; then (cd debs && sha256sum --check --quiet ../packages.sha256)
else (cd debs && sha256sum ./*.deb) > packages.sha256; fi

rm -rf root && mkdir root
for package in debs/*.deb; do dpkg-deb -x "$package" root; done
# What a package's own script would link, and what a run never reads.
ln -s blas/libblas.so.3 root/usr/lib/x86_64-linux-gnu/libblas.so.3
ln -s lapack/liblapack.so.3 root/usr/lib/x86_64-linux-gnu/liblapack.so.3
for folder in lib lib64; do
  [ -L "root/$folder" ] || { mkdir -p "root/usr/$folder"; cp -a "root/$folder/." "root/usr/$folder/"; rm -rf "root/${folder:?}"; ln -s "usr/$folder" "root/$folder"; }
done
rm -rf root/usr/share/doc root/usr/share/man root/usr/share/lintian root/usr/include root/etc root/var
find root -name __pycache__ -prune -exec rm -rf {} + ; find root -path '*/numpy/*/tests' -prune -exec rm -rf {} +
mkdir root/app && cp source/*.py root/app/
