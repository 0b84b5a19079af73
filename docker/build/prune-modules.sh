#!/bin/sh
#
# prune-modules.sh: takes out of ./node_modules what Node never loads: source maps, types, papers, and the editions of
# packages for browsers. Licences and package.json stay, so that what is in the image can be told, and by whom.
#
# image-test.sh imports every module of the program from the finished image, so that nothing is missed by guessing.
set -eu

cd node_modules

find . -type f ! -iname 'licen*' ! -iname 'notice*' \
  \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.flow' -o -name '*.md' \) -delete

find . -type d \
  \( -path '*/dist/browser' -o -path '*/dist/react-native' -o -path '*/dist/workerd' -o -path '*/dist-browser' \) \
  -prune -exec rm -rf {} +

# @azure/identity lists it, and imports it in its browser edition only.
find . -path '*/@azure/msal-browser/*' -type f ! -name package.json ! -iname 'licen*' -delete

find . -depth -type d -empty -delete
